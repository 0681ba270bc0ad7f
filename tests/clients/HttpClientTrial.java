import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Locale;

/**
 * The trials with java.net.http.HttpClient as it is by default: it asks for HTTP/2 with Upgrade and
 * HTTP2-Settings on each first request of a connection. run.sh starts it and says where the gateway is.
 */
public final class HttpClientTrial {
    private static final String GATEWAY = System.getenv("GATEWAY");
    private static final String PLAIN = System.getenv("PLAIN");
    private static final String RUN = System.getenv("RUN");
    private static final String TICKETS = GATEWAY + "/v2/support-tickets/";
    private static final String TICKET = TICKETS + "java_" + RUN;
    private static final String UNAUTHORIZED =
            "{\"code\":\"Unauthorized\",\"message\":\"Invalid or expired token.\"}";
    private static final int SIZE = 60 << 20;

    private static final HttpClient CLIENT =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();

    public static void main(String[] arguments) throws Exception {
        reads();
        writes();
        uploads();
        if (!PLAIN.isEmpty()) {
            passesThrough();
        }
    }

    private static void reads() throws Exception {
        var miss = send(to(TICKET));
        trial("a miss", miss, 200, "; fwd=uri-miss; fwd-status=200; stored", true);
        trial("Upgrade is ignored", miss, 200, "", miss.version() == HttpClient.Version.HTTP_1_1);
        var hit = send(to(TICKET));
        trial("a hit, with the same bytes", hit, 200, "; hit", hit.body().equals(miss.body()));
        var head = send(to(TICKET).method("HEAD", BodyPublishers.noBody()));
        var same = length(head) == length(miss) && head.body().isEmpty();
        trial("HEAD is a hit", head, 200, "; hit", same);
        var missing = TICKETS + "missing_java_" + RUN;
        var absent = send(to(missing));
        var told = absent.body().contains("SUPPORT_TICKET_NOT_FOUND");
        trial("not found", absent, 404, "; fwd=uri-miss; fwd-status=404; stored", told);
        trial("not found, from memory", send(to(missing)), 404, "; detail=not-found", true);
        var dead = send(to(TICKET).setHeader("Authorization", "Bearer dead"));
        var untouched = dead.body().equals(UNAUTHORIZED);
        trial("the text of a 401 is untouched", dead, 401, "; fwd=", untouched);
    }

    private static void writes() throws Exception {
        var resolved = BodyPublishers.ofString("{\"status\":\"resolved\"}");
        var write = send(to(TICKET).PUT(resolved));
        var completed = write.body().equals("{\"status\":\"completed\"}");
        trial("a write", write, 200, "; fwd=method", completed);
        var read = send(to(TICKET));
        var shown = read.body().contains("\"status\":\"resolved\"");
        trial("the read after a write is a miss and shows it", read, 200, "; fwd=uri-miss", shown);
    }

    private static void uploads() throws Exception {
        var file = Path.of(System.getenv("UPLOAD"));
        var size = "\"size\":" + Files.size(file);
        var attachments = GATEWAY + "/v2/attachments";
        var sent = send(to(attachments).POST(BodyPublishers.ofFile(file)));
        var whole = sent.body().contains(size);
        trial("an upload of 14 MB", sent, 201, "; fwd=bypass", whole);
        var expecting = to(attachments).expectContinue(true);
        sent = send(expecting.POST(BodyPublishers.ofFile(file)));
        whole = sent.body().contains(size);
        trial("an upload after 100 Continue", sent, 201, "; fwd=bypass", whole);
        var chunks = BodyPublishers.ofInputStream(() -> open(file));
        sent = send(to(attachments).POST(chunks));
        whole = sent.body().contains(size);
        trial("an upload in chunks", sent, 201, "; fwd=bypass", whole);
    }

    private static void passesThrough() throws Exception {
        // A client of its own: its first request on a new connection is the one that asks.
        var fresh = HttpClient.newHttpClient();
        var echo = fresh.send(to(PLAIN + "/v2/echo").build(), BodyHandlers.ofString());
        var heard = echo.body().toLowerCase(Locale.ROOT);
        var hidden = !heard.contains("upgrade") && !heard.contains("http2-settings");
        trial("Upgrade and HTTP2-Settings go no further", echo, 200, "; fwd=bypass", hidden);
        var request = to(PLAIN + "/v2/download?bytes=" + SIZE).build();
        var large = CLIENT.send(request, BodyHandlers.ofInputStream());
        var whole = sha256(large.body()).equals(sha256OfDownload());
        trial("a download of 60 MB", large, 200, "; fwd=bypass", whole);
        var file = Path.of(System.getenv("UPLOAD"));
        var upload = send(to(PLAIN + "/v2/echo").POST(BodyPublishers.ofFile(file)));
        var same = upload.body().contains(sha256(open(file)));
        trial("the upload arrives bit for bit", upload, 200, "; fwd=bypass", same);
    }

    private static HttpRequest.Builder to(String url) {
        return HttpRequest.newBuilder(URI.create(url))
                .timeout(Duration.ofSeconds(60))
                .header("Authorization", "Bearer java-" + RUN)
                .header("Content-Type", "application/json");
    }

    private static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
        return CLIENT.send(request.build(), BodyHandlers.ofString());
    }

    private static void trial(
            String name, HttpResponse<?> answer, int status, String cache, boolean holds) {
        var said = answer.headers().firstValue("cache-status").orElse("");
        var good = answer.statusCode() == status && said.contains(cache) && holds;
        var told = good ? "" : ": " + answer.statusCode() + ", " + said + ", " + answer.body();
        System.out.println((good ? "ok " : "FAILED ") + name + told);
    }

    private static long length(HttpResponse<?> answer) {
        return answer.headers().firstValueAsLong("content-length").orElse(-1);
    }

    private static InputStream open(Path file) {
        try {
            return Files.newInputStream(file);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static String sha256(InputStream bytes) throws Exception {
        var digest = MessageDigest.getInstance("SHA-256");
        var part = new byte[1 << 16];
        try (bytes) {
            for (int length = bytes.read(part); length >= 0; length = bytes.read(part)) {
                digest.update(part, 0, length);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static String sha256OfDownload() throws Exception {
        var digest = MessageDigest.getInstance("SHA-256");
        var block = "0123456789abcdef".getBytes();
        for (int done = 0; done < SIZE; done += block.length) {
            digest.update(block);
        }
        return HexFormat.of().formatHex(digest.digest());
    }
}
