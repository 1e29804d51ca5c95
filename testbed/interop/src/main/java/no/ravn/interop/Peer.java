package no.ravn.interop;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.w3c.dom.Document;

/** The interop peer: reads one JSON command a line from standard input, answers one JSON line each. */
public final class Peer {
  private static final String PHASE4 = "4.4.1";
  private static final PrintStream OUT = System.out;

  /** A command: takes the fields of a line, gives the fields of the answer. */
  private interface Command {
    JsonObject run(JsonObject cmd) throws Exception;
  }

  private final Receivers receivers = new Receivers();
  private final Sender sender = new Sender();

  private Peer() {}

  public static void main(String[] args) throws Exception {
    settle();
    System.setOut(System.err);
    if (args.length > 0 && args[0].equals("selftest")) {
      boolean ok = false;
      try {
        ok = new SelfTest(OUT, new Peer()::answer).run(List.of(args).subList(1, args.length));
      } catch (Exception e) {
        OUT.println("stopped: " + reason(e));
      }
      System.exit(ok ? 0 : 1);
    }
    new Peer().loop();
    System.exit(0);
  }

  /**
   * Names the XML factories of the JDK, so that none is searched for on the class path at every call, and sets the
   * log level. It comes before the first use of any library.
   */
  private static void settle() {
    String[][] properties = {
      {"javax.xml.parsers.DocumentBuilderFactory", "com.sun.org.apache.xerces.internal.jaxp.DocumentBuilderFactoryImpl"},
      {"javax.xml.parsers.SAXParserFactory", "com.sun.org.apache.xerces.internal.jaxp.SAXParserFactoryImpl"},
      {"javax.xml.transform.TransformerFactory",
        "com.sun.org.apache.xalan.internal.xsltc.trax.TransformerFactoryImpl"},
      {"javax.xml.xpath.XPathFactory:http://java.sun.com/jaxp/xpath/dom",
        "com.sun.org.apache.xpath.internal.jaxp.XPathFactoryImpl"},
      {"javax.xml.validation.SchemaFactory:http://www.w3.org/2001/XMLSchema",
        "com.sun.org.apache.xerces.internal.jaxp.validation.XMLSchemaFactory"},
      {"javax.xml.datatype.DatatypeFactory",
        "com.sun.org.apache.xerces.internal.jaxp.datatype.DatatypeFactoryImpl"},
      {"javax.xml.stream.XMLInputFactory", "com.sun.xml.internal.stream.XMLInputFactoryImpl"},
      {"javax.xml.stream.XMLOutputFactory", "com.sun.xml.internal.stream.XMLOutputFactoryImpl"},
      {"javax.xml.stream.XMLEventFactory", "com.sun.xml.internal.stream.events.XMLEventFactoryImpl"},
      {"jakarta.xml.bind.JAXBContextFactory", "org.glassfish.jaxb.runtime.v2.JAXBContextFactory"},
      {"org.slf4j.simpleLogger.defaultLogLevel", "warn"},
      {"org.slf4j.simpleLogger.log.org.apache.wss4j.common.crypto.CryptoBase", "error"},
      {"org.slf4j.simpleLogger.logFile", "System.err"},
      {"phase4.manager.inmemory", "true"},
      {"phase4.profile", "peppol"},
      {"phase4.default.profile", "peppol"},
      {"global.debug", "false"},
      {"global.production", "true"},
      {"global.nostartupinfo", "true"},
    };
    for (String[] p : properties) {
      if (System.getProperty(p[0]) == null) {
        System.setProperty(p[0], p[1]);
      }
    }
    Logger.getLogger("").setLevel(Level.SEVERE);
    Security.insertProviderAt(new StreamingGcm(), 1);
    org.apache.xml.security.Init.init();
  }

  /** Commands run one after the other; one with "async":true runs beside the following ones. */
  private void loop() throws Exception {
    JsonObject ready = new JsonObject();
    ready.addProperty("ready", true);
    ready.addProperty("phase4", PHASE4);
    ready.addProperty("java", System.getProperty("java.version"));
    ready.addProperty("pid", ProcessHandle.current().pid());
    print(ready);
    ExecutorService beside = Executors.newCachedThreadPool();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (line.isBlank()) {
        continue;
      }
      JsonObject cmd;
      try {
        cmd = Json.GSON.fromJson(line, JsonObject.class);
      } catch (RuntimeException e) {
        JsonObject bad = new JsonObject();
        bad.add("id", null);
        bad.addProperty("ok", false);
        bad.addProperty("error", "not a JSON object: " + reason(e));
        print(bad);
        continue;
      }
      if (Json.flag(cmd, "async", false)) {
        beside.submit(() -> print(answer(cmd)));
      } else {
        print(answer(cmd));
      }
      if ("quit".equals(Json.text(cmd, "cmd", ""))) {
        return;
      }
    }
    beside.shutdown();
    beside.awaitTermination(10, TimeUnit.MINUTES);
  }

  /** Runs one command; whatever goes wrong becomes "ok":false with the reason. */
  private JsonObject answer(JsonObject cmd) {
    JsonObject answer = new JsonObject();
    answer.add("id", cmd.get("id"));
    try {
      JsonObject result = command(Json.need(cmd, "cmd")).run(cmd);
      if (!result.has("ok")) {
        answer.addProperty("ok", true);
      }
      result.entrySet().forEach(e -> answer.add(e.getKey(), e.getValue()));
    } catch (Throwable e) {
      answer.addProperty("ok", false);
      answer.addProperty("error", reason(e));
      if (!(e instanceof IllegalArgumentException)) {
        e.printStackTrace();
      }
    }
    return answer;
  }

  private Command command(String name) {
    return switch (name) {
      case "receiver.start" -> receivers::start;
      case "receiver.stop" -> receivers::stop;
      case "receiver.list" -> receivers::list;
      case "receiver.forget" -> cmd -> receivers.forget();
      case "send" -> sender::send;
      case "c14n" -> Crypto::c14n;
      case "gcm.open" -> Crypto::gcmOpen;
      case "oaep.unwrap" -> Crypto::oaepUnwrap;
      case "smp.get" -> SmpGet::get;
      case "report.build" -> Reports::build;
      case "report.read" -> Reports::read;
      case "verify.receipt" -> Peer::verifyReceipt;
      case "cpu", "quit" -> cmd -> cpu();
      default -> throw new IllegalArgumentException("unknown command \"" + name + "\"");
    };
  }

  private static JsonObject verifyReceipt(JsonObject cmd) throws Exception {
    byte[] soap = Files.readAllBytes(Json.path(cmd, "file"));
    List<X509Certificate> anchors = Keys.anchors(cmd, "ca_pem");
    JsonObject o = Envelope.judge(soap, anchors);
    Document doc = Envelope.parse(soap);
    o.addProperty("receipt_received", Envelope.first(doc, Envelope.EB, "Receipt") != null);
    o.addProperty("ref_to_message_id", Envelope.textOf(doc, Envelope.EB, "RefToMessageId"));
    o.add("receipt_references", Envelope.receiptReferences(doc));
    JsonArray errors = Envelope.errors(doc);
    o.add("errors", errors);
    return o;
  }

  private static JsonObject cpu() {
    JsonObject o = new JsonObject();
    o.addProperty("cpu_ms", cpuMillis());
    return o;
  }

  static long cpuMillis() {
    OperatingSystemMXBean os = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return os.getProcessCpuTime() / 1_000_000;
  }

  /** The messages of an exception and its causes, on one line. */
  static String reason(Throwable e) {
    StringBuilder sb = new StringBuilder();
    int depth = 0;
    for (Throwable t = e; t != null && depth < 6; t = t.getCause(), depth++) {
      sb.append(depth == 0 ? "" : " <- ").append(t.getClass().getSimpleName());
      if (t.getMessage() != null) {
        sb.append(": ").append(t.getMessage());
      }
    }
    return sb.toString();
  }

  private static synchronized void print(JsonObject o) {
    OUT.print(Json.GSON.toJson(o) + "\n");
    OUT.flush();
  }
}
