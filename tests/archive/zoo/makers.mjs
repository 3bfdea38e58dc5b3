// Make archives of a directory with libraries for Node.js: node makers.mjs LIBRARY SOURCE TARGET
//
// Each function writes some archives, with the layouts that its library can make, into TARGET.
import { createReadStream, createWriteStream, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const [, , library, source, target] = process.argv;
const require = createRequire(join(process.env.ZOO_NODE, "index.js"));
const load = (name) => import(require.resolve(name));

const names = readdirSync(source, { recursive: true })
  .map((name) => (statSync(join(source, name)).isDirectory() ? `${name}/` : name))
  .sort();
const files = names.filter((name) => !name.endsWith("/"));
const output = (layout) => join(target, `${library}-${layout}.zip`);
const content = (name) => readFileSync(join(source, name));

const makers = {
  async archiver() {
    const { ZipArchive } = await load("archiver");
    for (const [layout, options] of [["deflated", {}], ["stored", { store: true }], ["zip64", { forceZip64: true }]]) {
      const archive = new ZipArchive(options);
      const done = pipeline(archive, createWriteStream(output(layout)));
      archive.directory(source, false);
      await archive.finalize();
      await done;
    }
  },
  async yazl() {
    const { default: yazl } = await load("yazl");
    for (const [layout, options] of [["deflated", {}], ["stored", { compress: false }], ["zip64", { forceZip64Format: true }]]) {
      const zip = new yazl.ZipFile();
      for (const name of names) {
        if (name.endsWith("/")) zip.addEmptyDirectory(name);
        else zip.addFile(join(source, name), name, options);
      }
      zip.addReadStream(createReadStream(join(source, files[0])), "streamed.txt", options);
      zip.end();
      await pipeline(zip.outputStream, createWriteStream(output(layout)));
    }
  },
  async "adm-zip"() {
    const { default: AdmZip } = await load("adm-zip");
    for (const [layout, root] of [["deflated", ""], ["nested", "inner"]]) {
      const zip = new AdmZip();
      zip.addLocalFolder(source, root);
      zip.writeZip(output(layout));
    }
  },
  async jszip() {
    const { default: JSZip } = await load("jszip");
    const layouts = [
      ["deflated", { compression: "DEFLATE" }],
      ["stored", {}],
      ["streamed", { streamFiles: true, platform: "UNIX" }],
      ["cp437", { encodeFileName: (name) => Buffer.from(name.normalize("NFC").replace(/ü/g, "\x81").replace(/ï/g, "\x8b"), "latin1") }],
    ];
    for (const [layout, options] of layouts) {
      const zip = new JSZip();
      for (const name of names) {
        if (name.endsWith("/")) zip.folder(name.slice(0, -1));
        else zip.file(name, content(name));
      }
      writeFileSync(output(layout), await zip.generateAsync({ type: "nodebuffer", comment: "a comment", ...options }));
    }
  },
  async fflate() {
    const { zipSync } = await load("fflate");
    for (const [layout, level] of [["deflated", 6], ["stored", 0]]) {
      const tree = Object.fromEntries(names.map((name) => [name, name.endsWith("/") ? new Uint8Array() : new Uint8Array(content(name))]));
      writeFileSync(output(layout), zipSync(tree, { level, os: 3 }));
    }
  },
  async "zip.js"() {
    const zip = await load("@zip.js/zip.js");
    zip.configure({ useWebWorkers: false });
    for (const [layout, options] of [["deflated", {}], ["stored", { level: 0 }], ["zip64", { zip64: true }], ["no-descriptor", { dataDescriptor: false }]]) {
      const writer = new zip.ZipWriter(new zip.Uint8ArrayWriter(), options);
      for (const name of names) {
        const reader = name.endsWith("/") ? undefined : new zip.Uint8ArrayReader(new Uint8Array(content(name)));
        await writer.add(name, reader, { directory: name.endsWith("/") });
      }
      writeFileSync(output(layout), await writer.close());
    }
  },
  async "client-zip"() {
    const { makeZip } = await load("client-zip");
    const inputs = files.map((name) => ({ name, input: content(name), lastModified: new Date(2026, 1, 2) }));
    await pipeline(Readable.fromWeb(makeZip(inputs)), createWriteStream(output("streamed")));
  },
  async compressing() {
    const { default: compressing } = await load("compressing");
    await compressing.zip.compressDir(source, output("deflated"), { ignoreBase: true });
  },
};

await makers[library]();
