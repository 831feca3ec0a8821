import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;

/** Java's own client with its defaults: over plain HTTP it asks for an upgrade to h2c with its first request. */
public class PostTwice {
    public static void main(String[] arguments) throws Exception {
        byte[] body = System.in.readAllBytes();
        HttpClient client = HttpClient.newHttpClient();
        for (int number = 0; number < 2; number++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0]))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofByteArray(body))
                .build();
            HttpResponse<String> answer = client.send(
                request, HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
            System.out.println(answer.statusCode() + " " + answer.body());
        }
    }
}
