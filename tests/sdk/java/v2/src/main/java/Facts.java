import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;

/**
 * What every program here shares: it prints one JSON object a line, a fact or the outcome of a check,
 * and ends with 1 if a check failed. Whoever started it reads the lines.
 */
final class Facts {
    private static final Gson JSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
    private static boolean failed = false;

    private Facts() {}

    /** A check may throw whatever it meets. */
    interface Body {
        void run() throws Exception;
    }

    static synchronized void fact(String name, Object value) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("fact", name);
        line.put("value", value);
        System.out.println(JSON.toJson(line));
    }

    /** Runs a check and prints its outcome; the program goes on either way. */
    static void check(String name, Body body) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("check", name);
        try {
            body.run();
            line.put("ok", true);
        } catch (Throwable error) {
            failed = true;
            StringWriter why = new StringWriter();
            error.printStackTrace(new PrintWriter(why));
            line.put("ok", false);
            line.put("why", why.toString());
        }
        System.out.println(JSON.toJson(line));
    }

    /** The error of that class that the call must end in. */
    static <E extends Throwable> E refusal(Class<E> kind, Callable<?> call) {
        Object value;
        try {
            value = call.call();
        } catch (Throwable error) {
            if (kind.isInstance(error)) {
                return kind.cast(error);
            }
            throw new AssertionError("wanted " + kind.getSimpleName(), error);
        }
        throw new AssertionError("wanted " + kind.getSimpleName() + ", got success: " + value);
    }

    static void same(Object wanted, Object got) {
        if (wanted == null ? got != null : !wanted.equals(got)) {
            throw new AssertionError("wanted " + wanted + ", got " + got);
        }
    }

    /** Ends the program; threads of the SDK do not keep it. */
    static void done() {
        System.out.flush();
        Runtime.getRuntime().halt(failed ? 1 : 0);
    }
}
