package no.ravn.interop;

import java.io.IOException;
import java.io.OutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** Throw-away keys and certificates for the self test, written as PEM and PKCS#12 files. */
final class Pki {
  static final String PASSWORD = "secret";

  /** A key with its certificate and the files that hold them. */
  record Entry(KeyPair pair, X509Certificate cert, Path pem, Path p12) {}

  private final Path dir;
  private long serial = 1000;

  Pki(Path dir) {
    this.dir = dir;
  }

  Entry ca(String name, Entry issuer) throws Exception {
    return issue(name, "C=NO,O=Interop,CN=" + name, issuer, true);
  }

  Entry leaf(String name, String seat, Entry issuer) throws Exception {
    return issue(name, "C=NO,O=Interop,OU=PEPPOL TEST AP,CN=" + seat, issuer, false);
  }

  private Entry issue(String name, String subject, Entry issuer, boolean ca) throws Exception {
    KeyPairGenerator g = KeyPairGenerator.getInstance("RSA");
    g.initialize(2048);
    KeyPair pair = g.generateKeyPair();
    Instant now = Instant.now();
    X500Name by = issuer == null ? new X500Name(subject)
        : X500Name.getInstance(issuer.cert.getSubjectX500Principal().getEncoded());
    JcaX509v3CertificateBuilder b = new JcaX509v3CertificateBuilder(by, BigInteger.valueOf(serial++),
        Date.from(now.minus(Duration.ofHours(1))), Date.from(now.plus(Duration.ofDays(30))), new X500Name(subject),
        pair.getPublic());
    b.addExtension(Extension.basicConstraints, true, new BasicConstraints(ca));
    b.addExtension(Extension.keyUsage, true, new KeyUsage(ca ? KeyUsage.keyCertSign | KeyUsage.cRLSign
        : KeyUsage.digitalSignature | KeyUsage.keyEncipherment | KeyUsage.dataEncipherment));
    KeyPair signer = issuer == null ? pair : issuer.pair;
    X509Certificate cert = new JcaX509CertificateConverter().getCertificate(
        b.build(new JcaContentSignerBuilder("SHA256withRSA").build(signer.getPrivate())));
    return new Entry(pair, cert, writePem(name, cert), writeP12(name, pair, cert));
  }

  private Path writePem(String name, X509Certificate cert) throws Exception {
    Path file = dir.resolve(name + ".pem");
    String body = Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII))
        .encodeToString(cert.getEncoded());
    return Files.writeString(file, "-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----\n");
  }

  private Path writeP12(String name, KeyPair pair, X509Certificate cert) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, PASSWORD.toCharArray());
    store.setKeyEntry(name, pair.getPrivate(), PASSWORD.toCharArray(), new Certificate[] {cert});
    Path file = dir.resolve(name + ".p12");
    try (OutputStream out = Files.newOutputStream(file)) {
      store.store(out, PASSWORD.toCharArray());
    } catch (IOException e) {
      throw new IOException("cannot write " + file, e);
    }
    return file;
  }
}
