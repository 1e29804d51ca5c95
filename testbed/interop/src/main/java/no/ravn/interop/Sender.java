package no.ravn.interop;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.helger.http.header.HttpHeaderMap;
import com.helger.httpclient.HttpClientFactory;
import com.helger.httpclient.HttpClientManager;
import com.helger.mime.CMimeType;
import com.helger.mime.IMimeType;
import com.helger.mime.parse.MimeTypeParser;
import com.helger.peppolid.IDocumentTypeIdentifier;
import com.helger.peppolid.IParticipantIdentifier;
import com.helger.peppolid.IProcessIdentifier;
import com.helger.peppolid.factory.SimpleIdentifierFactory;
import com.helger.phase4.client.IAS4ClientBuildMessageCallback;
import com.helger.phase4.crypto.IAS4CryptoFactory;
import com.helger.phase4.messaging.http.BasicHttpPoster;
import com.helger.phase4.messaging.http.HttpRetrySettings;
import com.helger.phase4.model.message.MessageHelperMethods;
import com.helger.phase4.peppol.Phase4PeppolSender.AbstractPeppolUserMessageBuilder;
import com.helger.phase4.peppol.Phase4PeppolSender.PeppolUserMessageBuilder;
import com.helger.phase4.peppol.Phase4PeppolSender.PeppolUserMessageSBDHBuilder;
import com.helger.phase4.profile.peppol.Phase4PeppolHttpClientSettings;
import com.helger.phase4.sender.EAS4UserMessageSendResult;
import com.helger.phase4.sender.IAS4SignalMessageValidationResultHandler;
import com.helger.phase4.util.Phase4Exception;
import com.helger.security.certificate.TrustedCAChecker;
import com.helger.security.revocation.ERevocationCheckMode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.io.HttpClientResponseHandler;
import org.apache.hc.core5.http.io.entity.ByteArrayEntity;
import org.apache.hc.client5.http.classic.methods.HttpPost;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** Sends messages with the Peppol sender of phase4 and judges what comes back. */
final class Sender {
  private static final String SBDH =
      "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader";
  private static final int MANY = 20;

  /** Everything of one send command that is the same for each of its messages. */
  private static final class Job {
    JsonObject cmd;
    String url;
    Keys.Identity own;
    IAS4CryptoFactory crypto;
    List<X509Certificate> anchors;
    X509Certificate receiver;
    IParticipantIdentifier sender;
    IParticipantIdentifier recipient;
    IDocumentTypeIdentifier doctype;
    IProcessIdentifier process;
    String country;
    byte[] file;
    byte[] sbd;
    HttpClientFactory http;
    HttpClientManager kept;
    String capture;
  }

  /** What happened to one message. */
  private static final class Outcome {
    final JsonObject answer = new JsonObject();
    Document signed;
    byte[] response;
    Integer status;
    String signalCheck;
    long nanos;
    boolean ok;
  }

  JsonObject send(JsonObject cmd) throws Exception {
    Receivers.scope();
    Job job = prepare(cmd);
    int count = Json.number(cmd, "count", 1);
    Tap tap = null;
    try {
      if ((Json.has(cmd, "capture_request_to") || Json.has(cmd, "capture_response_to"))
          && job.url.startsWith("http://")) {
        URI target = URI.create(job.url);
        int port = target.getPort() < 0 ? 80 : target.getPort();
        tap = new Tap(0, new InetSocketAddress(target.getHost(), port),
            n -> numbered(Json.text(cmd, "capture_request_to", null), n),
            n -> numbered(Json.text(cmd, "capture_response_to", null), n));
        job.url = new URI("http", null, "127.0.0.1", tap.port(), target.getRawPath(), target.getRawQuery(), null)
            .toString();
      } else {
        job.capture = Json.text(cmd, "capture_request_to", null);
      }
      return count == 1 ? one(job, 1).answer : many(job, count);
    } finally {
      if (tap != null) {
        tap.close();
      }
      if (job.kept != null) {
        job.kept.close();
      }
    }
  }

  private static Path numbered(String file, int n) {
    return file == null ? null : Path.of(n == 1 ? file : file + "." + n);
  }

  private Job prepare(JsonObject cmd) throws Exception {
    Job j = new Job();
    j.cmd = cmd;
    j.url = Json.need(cmd, "url");
    j.own = Keys.identity(cmd);
    j.anchors = Keys.anchors(cmd, "ca_pem");
    j.crypto = Keys.crypto(j.own, j.anchors);
    j.receiver = Keys.certificates(Json.path(cmd, "receiver_cert_pem")).get(0);
    JsonObject known = new JsonObject();
    if (Json.has(cmd, "sbd_file")) {
      j.sbd = Files.readAllBytes(Json.path(cmd, "sbd_file"));
      known = readSbdh(j.sbd);
    } else {
      j.file = Files.readAllBytes(Json.path(cmd, "file"));
    }
    SimpleIdentifierFactory f = SimpleIdentifierFactory.INSTANCE;
    String[] sender = scheme(field(cmd, known, "sender"), "iso6523-actorid-upis");
    String[] recipient = scheme(field(cmd, known, "recipient"), "iso6523-actorid-upis");
    String[] doctype = scheme(field(cmd, known, "doctype"), "busdox-docid-qns");
    j.sender = f.createParticipantIdentifier(sender[0], sender[1]);
    j.recipient = f.createParticipantIdentifier(recipient[0], recipient[1]);
    j.doctype = f.createDocumentTypeIdentifier(doctype[0], doctype[1]);
    String processScheme = Json.text(cmd, "process_scheme", Json.text(known, "process_scheme", "cenbii-procid-ubl"));
    j.process = f.createProcessIdentifier(processScheme, field(cmd, known, "process"));
    j.country = Json.text(cmd, "country", Json.text(known, "country", "NO"));
    Phase4PeppolHttpClientSettings http = new Phase4PeppolHttpClientSettings();
    http.setUseKeepAlive(Json.flag(cmd, "keep_alive", false));
    if (Json.has(cmd, "tls_ca_pem")) {
      http.setSSLContext(tls(Keys.anchors(cmd, "tls_ca_pem")));
    }
    j.http = new HttpClientFactory(http);
    if (Json.flag(cmd, "keep_alive", false)) {
      j.kept = new HttpClientManager(j.http);
    }
    return j;
  }

  private static String field(JsonObject cmd, JsonObject known, String name) {
    return Json.has(cmd, name) ? Json.need(cmd, name) : Json.need(known, name);
  }

  private static String[] scheme(String text, String otherwise) {
    int at = text.indexOf("::");
    boolean hasScheme = at > 0 && text.substring(0, at).matches("[a-z0-9-]+-[a-z0-9-]+");
    return hasScheme ? new String[] {text.substring(0, at), text.substring(at + 2)} : new String[] {otherwise, text};
  }

  /** What a ready SBD says about itself; a command need not repeat it. */
  private static JsonObject readSbdh(byte[] sbd) {
    JsonObject o = new JsonObject();
    try {
      Document doc = Envelope.parse(sbd);
      o.addProperty("sender", identifier(doc, "Sender"));
      o.addProperty("recipient", identifier(doc, "Receiver"));
      for (Element scope : Envelope.all(doc, SBDH, "Scope")) {
        String value = child(scope, "InstanceIdentifier");
        String scheme = child(scope, "Identifier");
        switch (String.valueOf(child(scope, "Type"))) {
          case "DOCUMENTID" -> o.addProperty("doctype", (scheme == null ? "busdox-docid-qns" : scheme) + "::" + value);
          case "PROCESSID" -> {
            o.addProperty("process", value);
            o.addProperty("process_scheme", scheme == null ? "cenbii-procid-ubl" : scheme);
          }
          case "COUNTRY_C1" -> o.addProperty("country", value);
          default -> { }
        }
      }
    } catch (Exception e) {
      // an unreadable SBD is sent all the same; then the command has to say what goes into the header
    }
    return o;
  }

  private static String identifier(Document doc, String side) {
    Element e = Envelope.first(doc, SBDH, side);
    Element id = (Element) e.getElementsByTagNameNS(SBDH, "Identifier").item(0);
    return id.getAttribute("Authority") + "::" + id.getTextContent().trim();
  }

  private static String child(Element e, String name) {
    Element c = (Element) e.getElementsByTagNameNS(SBDH, name).item(0);
    return c == null ? null : c.getTextContent().trim();
  }

  private static SSLContext tls(List<X509Certificate> anchors) throws Exception {
    KeyStore store = Keys.trustStore(anchors);
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  private JsonObject many(Job job, int count) throws Exception {
    int concurrency = Json.number(job.cmd, "concurrency", 1);
    ExecutorService pool = Executors.newFixedThreadPool(concurrency);
    long cpu = Peer.cpuMillis();
    long start = System.nanoTime();
    List<Future<Outcome>> all = new ArrayList<>();
    for (int i = 1; i <= count; i++) {
      int n = i;
      all.add(pool.submit(() -> one(job, n)));
    }
    long[] times = new long[count];
    int good = 0;
    JsonArray ids = new JsonArray();
    JsonArray failures = new JsonArray();
    for (int i = 0; i < count; i++) {
      Outcome o = all.get(i).get();
      times[i] = o.nanos;
      ids.add(o.answer.get("message_id"));
      if (o.ok) {
        good++;
      } else if (failures.size() < MANY) {
        failures.add(o.answer);
      }
    }
    double millis = (System.nanoTime() - start) / 1e6;
    pool.shutdown();
    Arrays.sort(times);
    JsonObject r = new JsonObject();
    r.addProperty("ok", good == count);
    if (good < count) {
      r.addProperty("error", count - good + " of " + count + " messages failed");
    }
    r.addProperty("count", count);
    r.addProperty("good", good);
    r.addProperty("total_ms", Math.round(millis));
    r.addProperty("per_second", Math.round(count * 10_000.0 / millis) / 10.0);
    r.addProperty("cpu_ms", Peer.cpuMillis() - cpu);
    JsonObject t = new JsonObject();
    t.addProperty("min", times[0] / 1e6);
    t.addProperty("p50", times[count / 2] / 1e6);
    t.addProperty("p95", times[Math.min(count - 1, count * 95 / 100)] / 1e6);
    t.addProperty("p99", times[Math.min(count - 1, count * 99 / 100)] / 1e6);
    t.addProperty("max", times[count - 1] / 1e6);
    r.add("ms", t);
    r.add("message_ids", ids);
    r.add("failures", failures);
    return r;
  }

  private Outcome one(Job job, int n) throws Exception {
    Outcome out = new Outcome();
    JsonObject cmd = job.cmd;
    String id = Json.text(cmd, "message_id", null);
    if (id == null || n > 1) {
      id = id == null ? MessageHelperMethods.createRandomMessageID() : n + "." + id;
    }
    out.answer.addProperty("message_id", id);
    AbstractPeppolUserMessageBuilder<?> b = builder(job);
    configure(b, job, id, n, out);
    long start = System.nanoTime();
    EAS4UserMessageSendResult result = b.sendMessageAndCheckForReceipt(
        e -> out.answer.addProperty("phase4_error", Peer.reason(e)));
    out.nanos = System.nanoTime() - start;
    out.answer.addProperty("ms", out.nanos / 1e6);
    out.answer.addProperty("phase4_result", result.getID());
    out.answer.addProperty("phase4_receipt_check", out.signalCheck);
    out.answer.addProperty("http_status", out.status);
    judge(job, n, out);
    out.ok = out.answer.get("receipt_received").getAsBoolean()
        && out.answer.get("receipt_signature_valid").getAsBoolean()
        && out.answer.get("receipt_references_match").getAsBoolean();
    // "ok" of a single message says that the command was done; whether a receipt came is in the fields
    boolean spoken = out.response != null && out.response.length > 0;
    if (!spoken && out.status == null) {
      out.answer.addProperty("ok", false);
      out.answer.addProperty("error", "nothing came back: "
          + (out.answer.has("phase4_error") ? out.answer.get("phase4_error").getAsString() : result.getID()));
    }
    return out;
  }

  private AbstractPeppolUserMessageBuilder<?> builder(Job job) throws Exception {
    boolean force = Json.flag(job.cmd, "force", false);
    Runnable[] last = new Runnable[1];
    if (job.sbd != null) {
      PeppolUserMessageSBDHBuilder b = new PeppolUserMessageSBDHBuilder() {
        @Override
        public boolean isEveryRequiredFieldSet() {
          return super.isEveryRequiredFieldSet() || force;
        }

        @Override
        protected void customizeBeforeSending() throws Phase4Exception {
          super.customizeBeforeSending();
          last[0].run();
        }
      };
      last[0] = () -> override(b, job.cmd);
      return b.payload(job.sbd);
    }
    PeppolUserMessageBuilder b = new PeppolUserMessageBuilder() {
      @Override
      public boolean isEveryRequiredFieldSet() {
        return super.isEveryRequiredFieldSet() || force;
      }

      @Override
      protected void customizeBeforeSending() throws Phase4Exception {
        super.customizeBeforeSending();
        last[0].run();
      }
    };
    last[0] = () -> override(b, job.cmd);
    // phase4 would name the wrapper of a binary or text payload; the document type is meant
    boolean wrapped = Json.has(job.cmd, "payload_binary_mime") || Json.has(job.cmd, "text_mime");
    String type = job.doctype.getValue();
    String syntax = type.contains("##") ? type.substring(0, type.indexOf("##")) : type;
    int local = syntax.lastIndexOf("::");
    b.sbdhStandard(Json.text(job.cmd, "sbdh_standard",
        !wrapped ? null : local < 0 ? syntax : syntax.substring(0, local)));
    b.sbdhType(Json.text(job.cmd, "sbdh_type", !wrapped || local < 0 ? null : syntax.substring(local + 2)));
    b.sbdhTypeVersion(Json.text(job.cmd, "sbdh_type_version", type.substring(type.lastIndexOf(':') + 1)));
    b.sbdhInstanceIdentifier(Json.text(job.cmd, "sbdh_instance", null));
    if (Json.has(job.cmd, "payload_binary_mime")) {
      b.payloadBinaryContent(job.file, mime(Json.need(job.cmd, "payload_binary_mime")), null);
    } else if (Json.has(job.cmd, "text_mime")) {
      b.payloadTextContent(new String(job.file, StandardCharsets.UTF_8), mime(Json.need(job.cmd, "text_mime")));
    } else {
      b.payload(job.file);
    }
    return b;
  }

  private static IMimeType mime(String text) {
    IMimeType m = MimeTypeParser.safeParseMimeType(text);
    return m == null ? CMimeType.APPLICATION_OCTET_STREAM : m;
  }

  private void configure(AbstractPeppolUserMessageBuilder<?> b, Job job, String id, int n, Outcome out) {
    JsonObject cmd = job.cmd;
    boolean wrongParty = "party_id".equals(Json.text(cmd, "tamper", ""));
    b.cryptoFactory(job.crypto);
    b.senderParticipantID(job.sender);
    b.receiverParticipantID(job.recipient);
    b.documentTypeID(job.doctype);
    b.processID(job.process);
    b.countryC1(job.country);
    b.senderPartyID(wrongParty ? "POP999999" : Json.text(cmd, "from_seat", job.own.seat()));
    b.receiverEndpointDetails(job.receiver, job.url);
    b.compressPayload(Json.flag(cmd, "compress", true));
    b.messageID(id);
    b.conversationID(Json.text(cmd, "conversation", null));
    b.httpRetrySettings(new HttpRetrySettings().setMaxRetries(0));
    if (job.anchors.isEmpty() || !Json.flag(cmd, "check_receiver_cert", true)) {
      b.checkReceiverAPCertificate(false);
    } else {
      b.peppolAP_CAChecker(new TrustedCAChecker(ERevocationCheckMode.NONE, Duration.ofHours(1), 10,
          job.anchors.toArray(X509Certificate[]::new)));
    }
    b.buildMessageCallback(new IAS4ClientBuildMessageCallback() {
      @Override
      public void onSignedSoapDocument(Document doc) {
        out.signed = (Document) doc.cloneNode(true);
      }
    });
    b.rawResponseConsumer(r -> {
      out.response = r.getResponseContent();
      if (r.hasResponseStatusLine()) {
        out.status = r.getResponseStatusLine().getStatusCode();
      }
    });
    b.signalMsgValidationResultHdl(new IAS4SignalMessageValidationResultHandler() {
      @Override
      public void onSuccess() {
        out.signalCheck = "match";
      }

      @Override
      public void onError(String text) {
        out.signalCheck = text;
      }

      @Override
      public void onNotApplicable() {
        out.signalCheck = "not applicable";
      }
    });
    b.customHttpPoster(new Poster(job, n, out));
  }

  /** Header values that a test wants to be wrong; set after phase4 has filled in the right ones. */
  private static void override(AbstractPeppolUserMessageBuilder<?> b, JsonObject cmd) {
    if (Json.has(cmd, "to_seat")) {
      b.toPartyID(Json.need(cmd, "to_seat"));
    }
    if (Json.has(cmd, "agreement")) {
      b.agreementRef(Json.need(cmd, "agreement"));
    }
    if (Json.has(cmd, "action")) {
      b.action(Json.need(cmd, "action"));
    }
    if (Json.has(cmd, "service")) {
      b.service(Json.text(cmd, "service_type", b.serviceType()), Json.need(cmd, "service"));
    }
    if (Json.has(cmd, "from_role")) {
      b.fromRole(Json.need(cmd, "from_role"));
    }
    if (Json.has(cmd, "drop_property")) {
      String name = Json.need(cmd, "drop_property");
      b.messageProperties().removeIf(p -> p.getName().equals(name));
    }
  }

  /** Reads the answer without phase4: receipt or errors, signature, references. */
  private static void judge(Job job, int n, Outcome out) throws IOException, GeneralSecurityException {
    JsonObject a = out.answer;
    a.addProperty("receipt_received", false);
    a.addProperty("receipt_signature_valid", false);
    a.addProperty("receipt_references_match", false);
    a.add("errors", new JsonArray());
    if (out.signed != null) {
      a.add("sent_references", Envelope.signedReferences(out.signed));
    }
    if (out.response == null || out.response.length == 0) {
      return;
    }
    if (Json.has(job.cmd, "response_to")) {
      Files.write(numbered(Json.need(job.cmd, "response_to"), n), out.response);
    }
    Document doc;
    try {
      doc = Envelope.parse(out.response);
    } catch (Exception e) {
      a.addProperty("response_error", "the answer is not XML: " + Peer.reason(e));
      return;
    }
    boolean receipt = Envelope.first(doc, Envelope.EB, "Receipt") != null;
    a.addProperty("receipt_received", receipt);
    a.addProperty("response_message_id", Envelope.textOf(doc, Envelope.EB, "MessageId"));
    a.addProperty("ref_to_message_id", Envelope.textOf(doc, Envelope.EB, "RefToMessageId"));
    a.add("errors", Envelope.errors(doc));
    JsonObject judged = Envelope.judge(out.response, job.anchors);
    boolean valid = judged.get("signature_valid").getAsBoolean()
        && (job.anchors.isEmpty() || judged.get("wss4j_valid").getAsBoolean());
    a.addProperty("response_signature_valid", valid);
    a.add("response_signature", judged);
    a.addProperty("receipt_signature_valid", receipt && valid);
    a.addProperty("response_signer_is_receiver", judged.has("signer_cert_b64") && judged.get("signer_cert_b64")
        .getAsString().equals(Base64.getEncoder().encodeToString(job.receiver.getEncoded())));
    JsonArray repeated = Envelope.receiptReferences(doc);
    a.add("receipt_references", repeated);
    a.addProperty("receipt_references_match", receipt && out.signed != null
        && Envelope.sameReferences(Envelope.signedReferences(out.signed), repeated)
        && a.get("message_id").getAsString().equals(Envelope.textOf(doc, Envelope.EB, "RefToMessageId")));
  }

  /** Posts a message; in between it may change the sealed bytes, as the command asks. */
  private static final class Poster extends BasicHttpPoster {
    private final Job job;
    private final int number;
    private final Outcome out;

    Poster(Job job, int number, Outcome out) {
      this.job = job;
      this.number = number;
      this.out = out;
      setHttpClientFactory(job.http);
    }

    @Override
    public <T> T sendGenericMessage(String url, HttpHeaderMap headers, HttpEntity entity,
        HttpClientResponseHandler<? extends T> handler) throws IOException {
      HttpEntity body = entity;
      boolean tamper = List.of("payload", "signature").contains(Json.text(job.cmd, "tamper", "none"));
      if (tamper || Json.has(job.cmd, "replace") || job.capture != null) {
        ByteArrayOutputStream sealed = new ByteArrayOutputStream();
        entity.writeTo(sealed);
        byte[] bytes = change(sealed.toByteArray(), headers);
        if (job.capture != null) {
          Files.write(numbered(job.capture, number), asHttp(url, headers, bytes));
        }
        body = new ByteArrayEntity(bytes, ContentType.parseLenient(entity.getContentType()));
      }
      HttpClientResponseHandler<T> counted = response -> {
        out.status = response.getCode();
        return handler.handleResponse(response);
      };
      if (job.kept == null) {
        return super.sendGenericMessage(url, headers, body, counted);
      }
      HttpPost post = new HttpPost(url);
      if (headers != null) {
        headers.forEachSingleHeader(post::addHeader, true, false);
      }
      post.setEntity(body);
      return job.kept.execute(post, counted);
    }

    private byte[] change(byte[] bytes, HttpHeaderMap headers) throws IOException {
      String tamper = Json.text(job.cmd, "tamper", "none");
      byte[] b = bytes;
      if (tamper.equals("payload")) {
        b[payloadStart(b) + 20] ^= 1;
      } else if (tamper.equals("signature")) {
        int at = find(b, "SignatureValue>".getBytes(StandardCharsets.US_ASCII), 0) + "SignatureValue>".length() + 8;
        b[at] = (byte) (b[at] == 'A' ? 'B' : 'A');
      }
      if (Json.has(job.cmd, "replace")) {
        for (JsonElement e : job.cmd.getAsJsonArray("replace")) {
          byte[] from = Json.need(e.getAsJsonObject(), "find").getBytes(StandardCharsets.UTF_8);
          byte[] to = Json.need(e.getAsJsonObject(), "with").getBytes(StandardCharsets.UTF_8);
          int at = find(b, from, 0);
          if (at < 0) {
            throw new IOException("replace: the text to find is not in the message");
          }
          ByteArrayOutputStream joined = new ByteArrayOutputStream(b.length + to.length);
          joined.write(b, 0, at);
          joined.writeBytes(to);
          joined.write(b, at + from.length, b.length - at - from.length);
          b = joined.toByteArray();
        }
      }
      return b;
    }

    /** The first byte of the second MIME part. */
    private static int payloadStart(byte[] b) throws IOException {
      int line = find(b, "--".getBytes(StandardCharsets.US_ASCII), 0);
      int end = line;
      while (end < b.length && b[end] != '\r' && b[end] != '\n') {
        end++;
      }
      int second = find(b, Arrays.copyOfRange(b, line, end), end);
      int head = second < 0 ? -1 : find(b, "\r\n\r\n".getBytes(StandardCharsets.US_ASCII), second);
      if (head < 0) {
        throw new IOException("the message has no payload part");
      }
      return head + 4;
    }

    private static byte[] asHttp(String url, HttpHeaderMap headers, byte[] body) {
      URI u = URI.create(url);
      StringBuilder head = new StringBuilder("POST " + u.getRawPath() + " HTTP/1.1\r\nHost: " + u.getAuthority() + "\r\n");
      if (headers != null) {
        headers.forEachSingleHeader((k, v) -> head.append(k).append(": ").append(v).append("\r\n"), true, false);
      }
      head.append("Content-Length: ").append(body.length).append("\r\n\r\n");
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      all.writeBytes(head.toString().getBytes(StandardCharsets.ISO_8859_1));
      all.writeBytes(body);
      return all.toByteArray();
    }

    private static int find(byte[] in, byte[] what, int from) {
      outer:
      for (int i = from; i <= in.length - what.length; i++) {
        for (int k = 0; k < what.length; k++) {
          if (in[i + k] != what[k]) {
            continue outer;
          }
        }
        return i;
      }
      return -1;
    }
  }
}
