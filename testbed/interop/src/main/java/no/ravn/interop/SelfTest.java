package no.ravn.interop;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.spec.MGF1ParameterSpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.crypto.spec.SecretKeySpec;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.DigestMethod;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.keyinfo.KeyInfoFactory;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;

/** Shows that the peer itself works: phase4 sends to phase4 on loopback, with a private PKI, and every command runs. */
final class SelfTest {
  private static final String SENDER = "0192:123456785";
  private static final String RECIPIENT = "0192:987654325";
  private static final String UNKNOWN = "0192:111111111";
  private static final String DOCTYPE = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
      + "::Invoice##urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1";
  private static final String PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0";
  /** Enough of a document for the envelope; nothing here looks inside. */
  private static final String INVOICE = "<Invoice xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2\""
      + " xmlns:cbc=\"urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2\">"
      + "<cbc:ID>Prøve-1</cbc:ID></Invoice>";

  private final PrintStream out;
  private final UnaryOperator<JsonObject> peer;
  private Path dir;
  private Path invoice;
  private Pki.Entry root;
  private Pki.Entry apCa;
  private Pki.Entry a;
  private Pki.Entry b;
  private int failed;
  private int done;

  SelfTest(PrintStream out, UnaryOperator<JsonObject> peer) {
    this.out = out;
    this.peer = peer;
  }

  /** Arguments: an invoice file and the number of messages of the speed run; both optional. */
  boolean run(List<String> args) throws Exception {
    dir = Files.createTempDirectory("interop");
    try {
      invoice = args.isEmpty() ? Files.writeString(dir.resolve("invoice.xml"), INVOICE) : Path.of(args.get(0));
      int count = args.size() < 2 ? 200 : Integer.parseInt(args.get(1));
      Pki pki = new Pki(dir);
      root = pki.ca("root", null);
      apCa = pki.ca("apca", root);
      a = pki.leaf("a", "PNO000001", apCa);
      b = pki.leaf("b", "PNO000002", apCa);
      messages(pki);
      speed(count);
      canonical();
      keys();
      smp(pki.leaf("smp", "SNO000001", apCa), pki.ca("other", null));
    } finally {
      try (Stream<Path> all = Files.walk(dir)) {
        for (Path p : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(p);
        }
      }
    }
    out.println(failed == 0 ? "all " + done + " checks passed" : failed + " of " + done + " checks failed");
    return failed == 0;
  }

  private void messages(Pki pki) throws Exception {
    JsonObject start = receiver();
    start.addProperty("capture_dir", dir.resolve("capture").toString());
    start.add("not_serviced", Json.list(List.of(UNKNOWN)));
    JsonObject started = ask("receiver.start", start);
    String url = started.get("url").getAsString();

    JsonObject cmd = message(url);
    cmd.addProperty("capture_request_to", dir.resolve("sent.http").toString());
    cmd.addProperty("response_to", dir.resolve("receipt.xml").toString());
    check("XML document", hasReceipt(ask("send", cmd)));
    check("captures of both sides agree except for the Host header",
        body(dir.resolve("sent.http")).equals(body(dir.resolve("capture/001-request.http"))));
    check("response captured", Files.size(dir.resolve("capture/001-response.http")) > 1000);

    JsonObject verify = new JsonObject();
    verify.addProperty("file", dir.resolve("receipt.xml").toString());
    verify.add("ca_pem", anchors());
    check("verify.receipt: good", ask("verify.receipt", verify).get("wss4j_valid").getAsBoolean());
    Path changed = dir.resolve("changed.xml");
    Files.writeString(changed, Files.readString(dir.resolve("receipt.xml"))
        .replaceFirst("(RefToMessageId>)[0-9a-f]", "$1x"));
    verify.addProperty("file", changed.toString());
    check("verify.receipt: changed", !ask("verify.receipt", verify).get("signature_valid").getAsBoolean());

    cmd = message(url);
    cmd.addProperty("compress", false);
    check("XML document, not compressed", hasReceipt(ask("send", cmd)));

    cmd = message(url);
    cmd.addProperty("payload_binary_mime", "application/pdf");
    cmd.addProperty("file", Files.write(dir.resolve("some.pdf"), new byte[] {1, 2, 3, 0, -1}).toString());
    // a binary payload has a document type of its own
    cmd.addProperty("doctype", "busdox-docid-qns::urn:peppol:doctype:pdf+xml##urn:cen.eu:en16931:2017::1.0");
    cmd.addProperty("sbdh_type", "factur-x");
    JsonObject binary = ask("send", cmd);
    check("binary payload", hasReceipt(binary));

    cmd = message(url);
    cmd.addProperty("text_mime", "text/plain");
    cmd.addProperty("file", Files.writeString(dir.resolve("some.txt"), "tekst").toString());
    check("text payload", hasReceipt(ask("send", cmd)));

    JsonObject received = ask("receiver.list", new JsonObject());
    check("four messages received", received.get("count").getAsInt() == 4);
    String id = received.getAsJsonArray("received").get(0).getAsJsonObject().get("message_id").getAsString();
    Path sbd = dir.resolve("in").resolve(id + ".xml");
    check("SBD written", Files.readString(sbd).contains("StandardBusinessDocument"));

    JsonObject ready = message(url);
    List.of("file", "sender", "recipient", "doctype", "process", "country").forEach(ready::remove);
    ready.addProperty("sbd_file", sbd.toString());
    ready.addProperty("message_id", "ready-1@interop.example");
    check("ready SBD", hasReceipt(ask("send", ready)));
    check("duplicate refused", refusedWith(ask("send", ready), "EBMS:0004", "already handled"));

    cmd = message(url);
    cmd.addProperty("recipient", UNKNOWN);
    check("not serviced", refusedWith(ask("send", cmd), "EBMS:0004", "PEPPOL:NOT_SERVICED"));

    for (String tamper : List.of("payload", "signature")) {
      cmd = message(url);
      cmd.addProperty("tamper", tamper);
      check("tampered " + tamper, refusedWith(ask("send", cmd), "EBMS:0102", ""));
    }
    cmd = message(url);
    cmd.add("replace", Json.GSON.fromJson(
        "[{\"find\":\"agreements:tia:ap_provider\",\"with\":\"agreements:tia:xx_provider\"}]", JsonArray.class));
    check("replaced header text", refusedWith(ask("send", cmd), "EBMS:0102", ""));

    cmd = message(url);
    cmd.addProperty("tamper", "party_id");
    check("wrong party id: phase4 itself accepts it", hasReceipt(ask("send", cmd)));

    Pki.Entry rogueCa = pki.ca("rogueca", null);
    Pki.Entry rogue = pki.leaf("rogue", "PNO000003", rogueCa);
    cmd = message(url);
    cmd.addProperty("p12", rogue.p12().toString());
    check("signer of another CA", refusedWith(ask("send", cmd), "EBMS:0102", ""));
    ask("receiver.stop", new JsonObject());

    start = receiver();
    start.addProperty("check_seat", true);
    url = ask("receiver.start", start).get("url").getAsString();
    cmd = message(url);
    cmd.addProperty("tamper", "party_id");
    check("wrong party id, seats checked", refusedWith(ask("send", cmd), "EBMS:0101", "POP999999"));
    cmd = message(url);
    cmd.addProperty("to_seat", "POP999998");
    check("wrong receiver seat, seats checked", refusedWith(ask("send", cmd), "EBMS:0004", "POP999998"));
    check("good seats", hasReceipt(ask("send", message(url))));
    ask("receiver.stop", new JsonObject());
    check("nobody listens", !peer.apply(named("send", message(url))).get("ok").getAsBoolean());

    start = receiver();
    start.add("answer_error", Json.GSON.fromJson("{\"code\":\"EBMS:0202\",\"detail\":\"try later\"}", JsonObject.class));
    url = ask("receiver.start", start).get("url").getAsString();
    check("error asked for", refusedWith(ask("send", message(url)), "EBMS:0202", "try later"));
    ask("receiver.stop", new JsonObject());
  }

  private void speed(int count) {
    String url = ask("receiver.start", receiver()).get("url").getAsString();
    for (int concurrency : new int[] {1, 2, 4}) {
      JsonObject cmd = message(url);
      cmd.addProperty("count", count);
      cmd.addProperty("concurrency", concurrency);
      cmd.addProperty("keep_alive", true);
      JsonObject r = ask("send", cmd);
      check(count + " messages, " + concurrency + " at a time: " + r.get("per_second") + " a second, " + r.get("cpu_ms")
          + " ms CPU, p50 " + r.getAsJsonObject("ms").get("p50") + " ms", r.get("ok").getAsBoolean());
    }
    ask("receiver.stop", new JsonObject());
  }

  private void canonical() throws IOException {
    String xml = "<?xml version=\"1.0\"?><!--c--><r xmlns=\"urn:d\" xmlns:u=\"urn:u\" xmlns:p=\"urn:p\">"
        + "<p:e b='2' a=\"1\" xml:lang='nb'>é&lt;&#13;<!--in--></p:e></r>";
    String b64 = Base64.getEncoder().encodeToString(xml.getBytes(StandardCharsets.UTF_8));
    String[][] cases = {
      {"exc", "1", "", "<p:e xmlns:p=\"urn:p\" a=\"1\" b=\"2\" xml:lang=\"nb\">é&lt;&#xD;</p:e>"},
      {"exc-comments", "1", "u #default",
        "<p:e xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:u=\"urn:u\" a=\"1\" b=\"2\" xml:lang=\"nb\">é&lt;&#xD;<!--in--></p:e>"},
      {"inc", "1", "",
        "<p:e xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:u=\"urn:u\" a=\"1\" b=\"2\" xml:lang=\"nb\">é&lt;&#xD;</p:e>"},
      {"inc-comments", null, "", "<!--c-->\n<r xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:u=\"urn:u\">"
        + "<p:e a=\"1\" b=\"2\" xml:lang=\"nb\">é&lt;&#xD;<!--in--></p:e></r>"},
    };
    StringBuilder in = new StringBuilder();
    for (int i = 0; i < 10_000; i++) {
      String[] c = cases[i % cases.length];
      in.append("{\"n\":").append(i).append(",\"xml_b64\":\"").append(b64).append("\",\"mode\":\"").append(c[0])
          .append("\",\"xpath_index\":").append(c[1]).append(",\"prefixes\":\"").append(c[2]).append("\"}\n");
    }
    in.append("{\"n\":10000,\"xml_b64\":\"PGE+\",\"mode\":\"exc\",\"xpath_index\":null,\"prefixes\":\"\"}\n");
    JsonObject cmd = new JsonObject();
    cmd.addProperty("in", Files.writeString(dir.resolve("c14n.in"), in).toString());
    cmd.addProperty("out", dir.resolve("c14n.out").toString());
    JsonObject r = ask("c14n", cmd);
    List<String> lines = Files.readAllLines(dir.resolve("c14n.out"));
    for (int i = 0; i < cases.length; i++) {
      String text = Json.GSON.fromJson(lines.get(i), JsonObject.class).get("c14n_b64").getAsString();
      check("c14n " + cases[i][0], new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8)
          .equals(cases[i][3]));
    }
    check("c14n: 10,000 cases in " + r.get("ms") + " ms, and one broken document is an error line",
        lines.size() == 10_001 && r.get("errors").getAsInt() == 1 && lines.get(10_000).contains("error"));
  }

  private void keys() throws Exception {
    byte[] key = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);
    byte[] iv = new byte[12];
    Cipher aes = Cipher.getInstance("AES/GCM/NoPadding", "SunJCE");
    aes.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new GCMParameterSpec(128, iv));
    ByteArrayOutputStream sealed = new ByteArrayOutputStream();
    sealed.writeBytes(iv);
    sealed.writeBytes(aes.doFinal("klartekst".getBytes(StandardCharsets.US_ASCII)));
    JsonObject cmd = new JsonObject();
    cmd.addProperty("key_b64", Base64.getEncoder().encodeToString(key));
    cmd.addProperty("file", Files.write(dir.resolve("sealed"), sealed.toByteArray()).toString());
    cmd.addProperty("out", dir.resolve("clear").toString());
    ask("gcm.open", cmd);
    check("gcm.open", Files.readString(dir.resolve("clear")).equals("klartekst"));

    Cipher rsa = Cipher.getInstance("RSA/ECB/OAEPPadding");
    rsa.init(Cipher.ENCRYPT_MODE, b.cert().getPublicKey(),
        new OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT));
    cmd = new JsonObject();
    cmd.addProperty("p12", b.p12().toString());
    cmd.addProperty("password", Pki.PASSWORD);
    cmd.addProperty("ciphertext_b64", Base64.getEncoder().encodeToString(rsa.doFinal(key)));
    check("oaep.unwrap", Arrays.equals(key,
        Base64.getDecoder().decode(ask("oaep.unwrap", cmd).get("key_b64").getAsString())));
  }

  private void smp(Pki.Entry signer, Pki.Entry other) throws Exception {
    String ns = " xmlns=\"http://busdox.org/serviceMetadata/publishing/1.0/\""
        + " xmlns:id=\"http://busdox.org/transport/identifiers/1.0/\"";
    String participant = "<id:ParticipantIdentifier scheme=\"iso6523-actorid-upis\">" + RECIPIENT
        + "</id:ParticipantIdentifier>";
    String group = "<ServiceGroup" + ns + ">" + participant
        + "<ServiceMetadataReferenceCollection/></ServiceGroup>";
    String metadata = "<SignedServiceMetadata" + ns + "><ServiceMetadata><ServiceInformation>" + participant
        + "<id:DocumentIdentifier scheme=\"busdox-docid-qns\">" + DOCTYPE.substring("busdox-docid-qns::".length())
        + "</id:DocumentIdentifier><ProcessList><Process><id:ProcessIdentifier scheme=\"cenbii-procid-ubl\">" + PROCESS
        + "</id:ProcessIdentifier><ServiceEndpointList><Endpoint transportProfile=\"peppol-transport-as4-v2_0\">"
        + "<EndpointReference xmlns=\"http://www.w3.org/2005/08/addressing\"><Address>http://127.0.0.1:1/as4</Address>"
        + "</EndpointReference><RequireBusinessLevelSignature>false</RequireBusinessLevelSignature><Certificate>"
        + Base64.getEncoder().encodeToString(b.cert().getEncoded()) + "</Certificate>"
        + "<ServiceDescription>x</ServiceDescription><TechnicalContactUrl>x</TechnicalContactUrl>"
        + "</Endpoint></ServiceEndpointList></Process></ProcessList></ServiceInformation></ServiceMetadata>"
        + "</SignedServiceMetadata>";
    String redirect = "<SignedServiceMetadata" + ns + "><ServiceMetadata><Redirect href=\"http://127.0.0.1:2/\">"
        + "<CertificateUID>CN=x</CertificateUID></Redirect></ServiceMetadata></SignedServiceMetadata>";
    byte[] good = sign(metadata, signer);
    byte[] moved = sign(redirect, signer);
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", x -> {
      String path = x.getRequestURI().getRawPath();
      byte[] answer = path.contains("/services/") ? path.contains("moved") ? moved : good
          : group.getBytes(StandardCharsets.UTF_8);
      x.getResponseHeaders().add("Content-Type", "text/xml");
      x.sendResponseHeaders(200, answer.length);
      x.getResponseBody().write(answer);
      x.close();
    });
    server.start();
    try {
      JsonObject cmd = new JsonObject();
      cmd.addProperty("url", "http://127.0.0.1:" + server.getAddress().getPort() + "/");
      cmd.addProperty("participant", RECIPIENT);
      cmd.addProperty("doctype", DOCTYPE);
      cmd.addProperty("process", PROCESS);
      cmd.add("smp_ca_pem", anchors());
      JsonObject r = ask("smp.get", cmd);
      check("smp.get", r.get("signature_valid").getAsBoolean() && r.get("service_group").getAsBoolean()
          && Json.text(r, "endpoint_url", "").endsWith("/as4")
          && Json.text(r, "certificate", "").equals(Base64.getEncoder().encodeToString(b.cert().getEncoded())));
      cmd.addProperty("doctype", DOCTYPE + "moved");
      check("smp.get: redirect", Json.text(ask("smp.get", cmd), "redirect", "").equals("http://127.0.0.1:2/"));
      cmd.addProperty("doctype", DOCTYPE);
      cmd.add("smp_ca_pem", Json.list(List.of(other.pem().toString())));
      r = ask("smp.get", cmd);
      check("smp.get: signed by another CA", !r.get("signature_valid").getAsBoolean() && r.has("endpoint_url"));
    } finally {
      server.stop(0);
    }
  }

  private static byte[] sign(String xml, Pki.Entry signer) throws Exception {
    Document doc = Envelope.parse(xml.getBytes(StandardCharsets.UTF_8));
    XMLSignatureFactory f = XMLSignatureFactory.getInstance("DOM");
    Reference ref = f.newReference("", f.newDigestMethod(DigestMethod.SHA256, null),
        List.of(f.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null)), null, null);
    SignedInfo info = f.newSignedInfo(
        f.newCanonicalizationMethod(CanonicalizationMethod.INCLUSIVE, (C14NMethodParameterSpec) null),
        f.newSignatureMethod("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", null), List.of(ref));
    KeyInfoFactory k = f.getKeyInfoFactory();
    KeyInfo keyInfo = k.newKeyInfo(List.of(k.newX509Data(
        List.of(signer.cert().getSubjectX500Principal().getName(), signer.cert()))));
    f.newXMLSignature(info, keyInfo).sign(new DOMSignContext(signer.pair().getPrivate(), doc.getDocumentElement()));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    TransformerFactory.newDefaultInstance().newTransformer().transform(new DOMSource(doc), new StreamResult(out));
    return out.toByteArray();
  }

  private JsonObject receiver() {
    JsonObject o = new JsonObject();
    o.addProperty("p12", b.p12().toString());
    o.addProperty("p12_password", Pki.PASSWORD);
    o.add("ca_pem", anchors());
    o.addProperty("dir", dir.resolve("in").toString());
    return o;
  }

  private JsonObject message(String url) {
    JsonObject o = new JsonObject();
    o.addProperty("url", url);
    o.addProperty("receiver_cert_pem", b.pem().toString());
    o.addProperty("p12", a.p12().toString());
    o.addProperty("p12_password", Pki.PASSWORD);
    o.add("ca_pem", anchors());
    o.addProperty("sender", SENDER);
    o.addProperty("recipient", RECIPIENT);
    o.addProperty("doctype", DOCTYPE);
    o.addProperty("process", PROCESS);
    o.addProperty("country", "NO");
    o.addProperty("file", invoice.toString());
    return o;
  }

  private JsonArray anchors() {
    return Json.list(List.of(apCa.pem().toString(), root.pem().toString()));
  }

  private static JsonObject named(String name, JsonObject fields) {
    JsonObject cmd = fields.deepCopy();
    cmd.addProperty("cmd", name);
    cmd.addProperty("id", name);
    return cmd;
  }

  /** Runs a command that has to succeed as a command. */
  private JsonObject ask(String name, JsonObject fields) {
    JsonObject answer = peer.apply(named(name, fields));
    if (!answer.get("ok").getAsBoolean()) {
      out.println("  " + name + ": " + Json.text(answer, "error", "?"));
    }
    return answer;
  }

  private boolean hasReceipt(JsonObject r) {
    boolean ok = Json.flag(r, "receipt_received", false) && Json.flag(r, "receipt_signature_valid", false)
        && Json.flag(r, "receipt_references_match", false) && Json.flag(r, "response_signer_is_receiver", false);
    if (!ok) {
      out.println("  " + r);
    }
    return ok;
  }

  private boolean refusedWith(JsonObject r, String code, String detail) {
    boolean ok = !Json.flag(r, "receipt_received", true) && Json.flag(r, "response_signature_valid", false)
        && r.getAsJsonArray("errors").size() > 0
        && r.getAsJsonArray("errors").get(0).getAsJsonObject().get("code").getAsString().equals(code)
        && r.getAsJsonArray("errors").toString().contains(detail);
    if (!ok) {
      out.println("  " + r);
    }
    return ok;
  }

  private static String body(Path file) throws IOException {
    String all = Files.readString(file, StandardCharsets.ISO_8859_1);
    return all.substring(all.indexOf("\r\n\r\n"));
  }

  private void check(String what, boolean ok) {
    done++;
    if (!ok) {
      failed++;
    }
    out.println((ok ? "ok    " : "FAIL  ") + what);
    out.flush();
  }
}
