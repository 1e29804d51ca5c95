package no.ravn.interop;

import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.security.GeneralSecurityException;
import java.security.spec.MGF1ParameterSpec;
import java.util.Base64;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.crypto.spec.SecretKeySpec;
import javax.xml.parsers.DocumentBuilder;
import org.apache.xml.security.c14n.Canonicalizer;
import org.w3c.dom.Document;
import org.w3c.dom.Node;

/** Second opinions on single cryptographic steps: canonical XML by Santuario, GCM and OAEP by the JDK. */
final class Crypto {
  private static final int IV = 12;
  private static final int TAG_BITS = 128;

  private Crypto() {}

  /** Canonicalizes every case of a file; a case that cannot be done gives an error line of its own. */
  static JsonObject c14n(JsonObject cmd) throws Exception {
    DocumentBuilder builder = Envelope.builder();
    int cases = 0;
    int errors = 0;
    long start = System.nanoTime();
    try (BufferedReader in = Files.newBufferedReader(Json.path(cmd, "in"));
        BufferedWriter out = Files.newBufferedWriter(Json.path(cmd, "out"))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        if (line.isBlank()) {
          continue;
        }
        JsonObject answer = new JsonObject();
        try {
          JsonObject one = Json.GSON.fromJson(line, JsonObject.class);
          answer.add("n", one.get("n"));
          answer.addProperty("c14n_b64", Base64.getEncoder().encodeToString(canonical(builder, one)));
        } catch (Exception e) {
          errors++;
          answer.addProperty("error", Peer.reason(e));
        }
        out.write(Json.GSON.toJson(answer));
        out.write('\n');
        cases++;
      }
    }
    JsonObject result = new JsonObject();
    result.addProperty("cases", cases);
    result.addProperty("errors", errors);
    result.addProperty("ms", (System.nanoTime() - start) / 1_000_000);
    return result;
  }

  private static byte[] canonical(DocumentBuilder builder, JsonObject one) throws Exception {
    Document doc = builder.parse(new ByteArrayInputStream(Base64.getDecoder().decode(Json.need(one, "xml_b64"))));
    Node node = doc;
    if (Json.has(one, "xpath_index")) {
      int index = one.get("xpath_index").getAsInt();
      node = doc.getElementsByTagName("*").item(index);
      if (node == null) {
        throw new IllegalArgumentException("there is no element " + index);
      }
    }
    String mode = Json.need(one, "mode");
    Canonicalizer c = Canonicalizer.getInstance(switch (mode) {
      case "exc" -> Canonicalizer.ALGO_ID_C14N_EXCL_OMIT_COMMENTS;
      case "exc-comments" -> Canonicalizer.ALGO_ID_C14N_EXCL_WITH_COMMENTS;
      case "inc" -> Canonicalizer.ALGO_ID_C14N_OMIT_COMMENTS;
      case "inc-comments" -> Canonicalizer.ALGO_ID_C14N_WITH_COMMENTS;
      default -> throw new IllegalArgumentException("unknown mode " + mode);
    });
    String prefixes = Json.text(one, "prefixes", "");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    if (mode.startsWith("exc") && !prefixes.isBlank()) {
      c.canonicalizeSubtree(node, prefixes, out);
    } else {
      c.canonicalizeSubtree(node, out);
    }
    return out.toByteArray();
  }

  /** Opens AES-GCM data: a 12-byte IV, the ciphertext and a 16-byte tag. */
  static JsonObject gcmOpen(JsonObject cmd) throws GeneralSecurityException, IOException {
    byte[] sealed = Files.readAllBytes(Json.path(cmd, "file"));
    Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", "SunJCE");
    cipher.init(Cipher.DECRYPT_MODE, new SecretKeySpec(Base64.getDecoder().decode(Json.need(cmd, "key_b64")), "AES"),
        new GCMParameterSpec(TAG_BITS, sealed, 0, IV));
    byte[] clear = cipher.doFinal(sealed, IV, sealed.length - IV);
    Files.write(Json.path(cmd, "out"), clear);
    JsonObject result = new JsonObject();
    result.addProperty("bytes", clear.length);
    return result;
  }

  /** Unwraps a key with RSA-OAEP, SHA-256 for the digest and for the mask. */
  static JsonObject oaepUnwrap(JsonObject cmd) throws GeneralSecurityException, IOException {
    Cipher cipher = Cipher.getInstance("RSA/ECB/OAEPPadding");
    cipher.init(Cipher.DECRYPT_MODE, Keys.identity(cmd).key(),
        new OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT));
    byte[] key = cipher.doFinal(Base64.getDecoder().decode(Json.need(cmd, "ciphertext_b64")));
    JsonObject result = new JsonObject();
    result.addProperty("key_b64", Base64.getEncoder().encodeToString(key));
    return result;
  }
}
