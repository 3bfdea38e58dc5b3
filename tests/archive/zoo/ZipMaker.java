// Make archives of a directory with Java: java ZipMaker.java SOURCE TARGET
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

class ZipMaker {
    public static void main(String[] arguments) throws IOException {
        Path source = Path.of(arguments[0]), target = Path.of(arguments[1]);
        List<Path> paths;
        try (var found = Files.walk(source)) {
            paths = found.filter(path -> !path.equals(source)).sorted().toList();
        }
        for (int method : new int[] {ZipEntry.DEFLATED, ZipEntry.STORED}) {
            String layout = method == ZipEntry.STORED ? "stored" : "deflated";
            try (var zip = new ZipOutputStream(Files.newOutputStream(target.resolve("java-" + layout + ".zip")))) {
                zip.setMethod(method);
                for (Path path : paths) {
                    boolean isDirectory = Files.isDirectory(path);
                    var entry = new ZipEntry(source.relativize(path) + (isDirectory ? "/" : ""));
                    byte[] data = isDirectory ? new byte[0] : Files.readAllBytes(path);
                    if (method == ZipEntry.STORED || isDirectory) {
                        var crc = new CRC32();
                        crc.update(data);
                        entry.setMethod(ZipEntry.STORED);
                        entry.setSize(data.length);
                        entry.setCrc(crc.getValue());
                    }
                    entry.setComment("made by Java");
                    zip.putNextEntry(entry);
                    zip.write(data);
                    zip.closeEntry();
                }
            }
        }
        URI uri = URI.create("jar:" + target.resolve("java-zipfs.zip").toUri());
        try (FileSystem system = FileSystems.newFileSystem(uri, Map.of("create", "true"))) {
            for (Path path : paths) {
                Path inside = system.getPath(source.relativize(path).toString());
                if (Files.isDirectory(path)) {
                    Files.createDirectories(inside);
                } else {
                    try (OutputStream out = Files.newOutputStream(inside)) {
                        Files.copy(path, out);
                    }
                }
            }
        }
    }
}
