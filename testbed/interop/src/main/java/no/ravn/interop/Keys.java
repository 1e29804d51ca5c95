package no.ravn.interop;

import com.google.gson.JsonObject;
import com.helger.phase4.crypto.AS4CryptoFactoryInMemoryKeyStore;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import javax.naming.InvalidNameException;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;

/** Reads keys and certificates, from PKCS#12 or PEM files, and turns them into what phase4 and WSS4J take. */
final class Keys {
  /** The alias and the password inside the key stores that we make ourselves. */
  private static final String ALIAS = "own";
  private static final char[] SECRET = "interop".toCharArray();

  /** A private key with its certificate. */
  record Identity(PrivateKey key, X509Certificate cert) {
    String seat() {
      return commonName(cert);
    }
  }

  private Keys() {}

  /** Our identity as a command names it: "p12", "p12_password" and "alias", or "key_pem" and "cert_pem". */
  static Identity identity(JsonObject cmd) throws GeneralSecurityException, IOException {
    if (cmd.has("key_pem")) {
      List<X509Certificate> certs = certificates(Json.path(cmd, "cert_pem"));
      return new Identity(privateKey(Json.path(cmd, "key_pem")), certs.get(0));
    }
    char[] password = Json.text(cmd, "p12_password", Json.text(cmd, "password", "")).toCharArray();
    KeyStore store = load(Json.path(cmd, "p12"), password);
    String alias = Json.text(cmd, "alias", null);
    if (alias == null) {
      for (String a : Collections.list(store.aliases())) {
        if (store.isKeyEntry(a)) {
          alias = a;
          break;
        }
      }
    }
    if (alias == null || !store.isKeyEntry(alias)) {
      throw new GeneralSecurityException("no private key in " + Json.path(cmd, "p12"));
    }
    return new Identity((PrivateKey) store.getKey(alias, password), (X509Certificate) store.getCertificate(alias));
  }

  /** The CA certificates a command trusts: "ca_pem" (a list of files or one file) or "trust_p12" with a password. */
  static List<X509Certificate> anchors(JsonObject cmd, String pemField) throws GeneralSecurityException, IOException {
    List<X509Certificate> found = new ArrayList<>();
    for (Path file : Json.paths(cmd, pemField)) {
      found.addAll(certificates(file));
    }
    if (cmd.has("trust_p12")) {
      KeyStore store = load(Json.path(cmd, "trust_p12"), Json.text(cmd, "trust_p12_password", "").toCharArray());
      for (String alias : Collections.list(store.aliases())) {
        if (store.getCertificate(alias) instanceof X509Certificate cert) {
          found.add(cert);
        }
      }
    }
    return found;
  }

  static List<X509Certificate> certificates(Path pem) throws GeneralSecurityException, IOException {
    try (InputStream in = Files.newInputStream(pem)) {
      List<X509Certificate> found = new ArrayList<>();
      for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        found.add((X509Certificate) c);
      }
      if (found.isEmpty()) {
        throw new GeneralSecurityException("no certificate in " + pem);
      }
      return found;
    }
  }

  static X509Certificate certificate(byte[] der) throws GeneralSecurityException {
    return (X509Certificate) CertificateFactory.getInstance("X.509")
        .generateCertificate(new ByteArrayInputStream(der));
  }

  /** A key store that holds certificates to trust and nothing else. */
  static KeyStore trustStore(List<X509Certificate> certs) throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, SECRET);
    for (int i = 0; i < certs.size(); i++) {
      store.setCertificateEntry("ca" + i, certs.get(i));
    }
    return store;
  }

  static KeyStore keyStore(Identity own) throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, SECRET);
    store.setKeyEntry(ALIAS, own.key(), SECRET, new Certificate[] {own.cert()});
    return store;
  }

  /** phase4's view of one access point: its own key and the CAs that it trusts. */
  static AS4CryptoFactoryInMemoryKeyStore crypto(Identity own, List<X509Certificate> anchors)
      throws GeneralSecurityException, IOException {
    return new AS4CryptoFactoryInMemoryKeyStore(keyStore(own), ALIAS, SECRET, trustStore(anchors));
  }

  static String commonName(X509Certificate cert) {
    try {
      for (Rdn rdn : new LdapName(cert.getSubjectX500Principal().getName()).getRdns()) {
        if (rdn.getType().equalsIgnoreCase("CN")) {
          return rdn.getValue().toString();
        }
      }
    } catch (InvalidNameException e) {
      // a subject without a readable name has no common name
    }
    return "";
  }

  private static KeyStore load(Path p12, char[] password) throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(p12)) {
      store.load(in, password);
    }
    return store;
  }

  private static PrivateKey privateKey(Path pem) throws GeneralSecurityException, IOException {
    String text = Files.readString(pem, StandardCharsets.US_ASCII);
    int from = text.indexOf("-----BEGIN PRIVATE KEY-----");
    int to = text.indexOf("-----END PRIVATE KEY-----");
    if (from < 0 || to < from) {
      throw new GeneralSecurityException("no PKCS#8 private key in " + pem);
    }
    byte[] der = Base64.getMimeDecoder().decode(text.substring(from + "-----BEGIN PRIVATE KEY-----".length(), to));
    return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(der));
  }
}
