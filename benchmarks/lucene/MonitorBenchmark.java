import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.TextField;
import org.apache.lucene.monitor.Monitor;
import org.apache.lucene.monitor.MonitorConfiguration;
import org.apache.lucene.monitor.MonitorQuery;
import org.apache.lucene.monitor.MultiMatchingQueries;
import org.apache.lucene.monitor.MultipassTermFilteredPresearcher;
import org.apache.lucene.monitor.Presearcher;
import org.apache.lucene.monitor.QueryMatch;
import org.apache.lucene.monitor.TermFilteredPresearcher;
import org.apache.lucene.queryparser.classic.QueryParser;
import org.apache.lucene.search.IndexSearcher;

/**
 * Posts a second through Apache Lucene's Monitor, one thread.
 *
 * <p>Arguments: a file of queries and a file of posts, one a line, a file to write, and the batch
 * sizes to try. Each presearcher and batch size is warmed up with one whole round, then the best of
 * two rounds counts. Writes who met what, a line "post query" each, by their places in the files.
 * Prints one JSON object.
 */
public final class MonitorBenchmark {
  private static final String TEXT = "text";

  public static void main(String[] arguments) throws Exception {
    IndexSearcher.setMaxClauseCount(100_000);
    List<String> queries = Files.readAllLines(Path.of(arguments[0]), StandardCharsets.UTF_8);
    List<Document> posts = posts(Path.of(arguments[1]));
    int[] batches =
        Arrays.stream(arguments).skip(3).mapToInt(Integer::parseInt).toArray();
    Analyzer analyzer = new StandardAnalyzer();
    List<String> lines = new ArrayList<>();
    for (boolean multipass : new boolean[] {false, true}) {
      Presearcher presearcher =
          multipass ? new MultipassTermFilteredPresearcher(2) : new TermFilteredPresearcher();
      try (Monitor monitor = new Monitor(analyzer, presearcher, new MonitorConfiguration())) {
        long start = System.nanoTime();
        register(monitor, queries, analyzer);
        double compiled = (System.nanoTime() - start) / 1e9;
        for (int batch : batches) {
          lines.add(measured(monitor, posts, batch, multipass, compiled));
        }
        if (multipass) {
          Files.write(Path.of(arguments[2]), pairs(monitor, posts, batches[0]));
        }
      }
    }
    System.out.println("{\"runs\": [" + String.join(", ", lines) + "]}");
  }

  private static String measured(
      Monitor monitor, List<Document> posts, int batch, boolean multipass, double compiled)
      throws IOException {
    long matches = round(monitor, posts, batch);
    double best = Double.MAX_VALUE;
    for (int again = 0; again < 2; again++) {
      long start = System.nanoTime();
      round(monitor, posts, batch);
      best = Math.min(best, (System.nanoTime() - start) / 1e9);
    }
    return String.format(
        java.util.Locale.ROOT,
        "{\"batch\": %d, \"multipass\": %b, \"rate\": %.1f, \"matches\": %d, \"compiled\": %.1f}",
        batch, multipass, posts.size() / best, matches, compiled);
  }

  private static long round(Monitor monitor, List<Document> posts, int batch) throws IOException {
    long matches = 0;
    for (int at = 0; at < posts.size(); at += batch) {
      List<Document> some = posts.subList(at, Math.min(posts.size(), at + batch));
      if (some.size() == 1) {
        matches += monitor.match(some.get(0), QueryMatch.SIMPLE_MATCHER).getMatchCount();
        continue;
      }
      MultiMatchingQueries<QueryMatch> found =
          monitor.match(some.toArray(new Document[0]), QueryMatch.SIMPLE_MATCHER);
      for (int number = 0; number < some.size(); number++) {
        matches += found.getMatchCount(number);
      }
    }
    return matches;
  }

  private static List<String> pairs(Monitor monitor, List<Document> posts, int batch)
      throws IOException {
    List<String> found = new ArrayList<>();
    for (int at = 0; at < posts.size(); at += batch) {
      List<Document> some = posts.subList(at, Math.min(posts.size(), at + batch));
      MultiMatchingQueries<QueryMatch> matches =
          monitor.match(some.toArray(new Document[0]), QueryMatch.SIMPLE_MATCHER);
      for (int number = 0; number < some.size(); number++) {
        for (QueryMatch match : matches.getMatches(number)) {
          found.add((at + number) + " " + match.getQueryId());
        }
      }
    }
    return found;
  }

  private static List<Document> posts(Path path) throws IOException {
    List<Document> posts = new ArrayList<>();
    for (String line : Files.readAllLines(path, StandardCharsets.UTF_8)) {
      Document post = new Document();
      post.add(new TextField(TEXT, line, Field.Store.NO));
      posts.add(post);
    }
    return posts;
  }

  private static void register(Monitor monitor, List<String> queries, Analyzer analyzer)
      throws Exception {
    QueryParser parser = new QueryParser(TEXT, analyzer);
    parser.setDefaultOperator(QueryParser.Operator.AND);
    List<MonitorQuery> some = new ArrayList<>();
    for (int number = 0; number < queries.size(); number++) {
      some.add(new MonitorQuery("" + number, parser.parse(queries.get(number))));
      if (some.size() == 1000 || number == queries.size() - 1) {
        monitor.register(some);
        some.clear();
      }
    }
  }
}
