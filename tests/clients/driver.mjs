// Do one job with a client for Node.js, and print the result or the status of its error as JSON.
// Run it with the directory of the clients as the working directory, as `node --eval`.
import { createWriteStream, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const request = JSON.parse(process.argv[1]);
const { owner, repo, token, url, directory } = request;

async function rest() {
  const { Octokit } = await import("@octokit/rest");
  const { retry } = await import("@octokit/plugin-retry");
  const { throttling } = await import("@octokit/plugin-throttling");
  const again = (_after, _options, _octokit, count) => count < 1;
  const octokit = new (Octokit.plugin(retry, throttling))({
    auth: token,
    baseUrl: url,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    throttle: { onRateLimit: again, onSecondaryRateLimit: again },
  });
  const { actions } = octokit.rest;
  const artifact = { owner, repo, artifact_id: request.id };
  const filters = request.name ? { name: request.name } : {};
  switch (request.job) {
    case "list": {
      const where = request.run_id === null ? {} : { run_id: request.run_id };
      const method =
        request.run_id === null ? actions.listArtifactsForRepo : actions.listWorkflowRunArtifacts;
      const options = { owner, repo, per_page: 100, ...where, ...filters };
      return (await octokit.paginate(method, options)).map((one) => one.id);
    }
    case "get":
      return (await actions.getArtifact(artifact)).data.name;
    case "delete":
      return (await actions.deleteArtifact(artifact)).status;
    case "download": {
      const options = { archive_format: "zip", request: { parseSuccessResponseBody: false } };
      const { data } = await actions.downloadArtifact({ ...artifact, ...options });
      const target = join(directory, "payload");
      await pipeline(Readable.fromWeb(data), createWriteStream(target));
      return target;
    }
  }
}

async function artifact() {
  const { DefaultArtifactClient } = await import("@actions/artifact");
  const client = new DefaultArtifactClient();
  const findBy = {
    token,
    workflowRunId: request.run_id ?? 7,
    repositoryOwner: owner,
    repositoryName: repo,
  };
  switch (request.job) {
    case "list": {
      const { artifacts } = await client.listArtifacts({ findBy });
      return artifacts.map((one) => one.id);
    }
    case "download": {
      const path = join(directory, "unpacked");
      mkdirSync(path);
      await client.downloadArtifact(request.id, { path, findBy });
      return join(path, readdirSync(path)[0]);
    }
  }
}

async function app() {
  const { App, Octokit } = await import("octokit");
  const options = { appId: request.app, privateKey: request.key };
  const application = new App({ ...options, Octokit: Octokit.defaults({ baseUrl: url }) });
  const installations = [];
  for await (const { installation } of application.eachInstallation.iterator()) {
    installations.push(installation.id);
  }
  const octokit = await application.getInstallationOctokit(installations[0]);
  const { data } = await octokit.rest.actions.listArtifactsForRepo({ owner, repo });
  return { installations, artifacts: data.artifacts.map((one) => one.id) };
}

try {
  const result = await { rest, artifact, app }[request.client]();
  console.log(JSON.stringify({ result: result ?? null }));
} catch (error) {
  const found = error.status ?? /(?:code|status)\D*(\d{3})/.exec(error.message)?.[1];
  if (!found) throw error;
  console.log(JSON.stringify({ status: Number(found) }));
}
