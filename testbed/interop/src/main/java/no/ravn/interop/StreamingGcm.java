package no.ravn.interop;

import java.security.Provider;

/**
 * Makes AES-GCM streams pass through BouncyCastle. The JDK keeps the whole clear text back until the tag is checked
 * and makes a new buffer of that size for every block it reads, so that opening 40 MiB takes longer than a sender waits.
 */
final class StreamingGcm extends Provider {
  private static final long serialVersionUID = 1L;

  StreamingGcm() {
    super("InteropGcm", "1", "AES-GCM that streams");
    put("Cipher.AES/GCM/NoPadding", "org.bouncycastle.jcajce.provider.symmetric.AES$GCM");
  }
}
