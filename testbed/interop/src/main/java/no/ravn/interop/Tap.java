package no.ravn.interop;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;

/**
 * A loopback TCP proxy that keeps the bytes of each HTTP exchange as they pass. An exchange begins when the client
 * speaks after the server has answered, so it works for kept connections too, but not for pipelined requests.
 * Bytes are on disk before they are passed on.
 */
final class Tap implements AutoCloseable {
  private static final byte[] CONTINUE = "HTTP/1.1 100".getBytes(StandardCharsets.US_ASCII);

  private final ServerSocket listener;
  private final InetSocketAddress target;
  private final IntFunction<Path> requestFile;
  private final IntFunction<Path> responseFile;
  private final AtomicInteger count = new AtomicInteger();

  /** The file functions get the number of the exchange, from 1; they may return null for "do not keep". */
  Tap(int port, InetSocketAddress target, IntFunction<Path> requestFile, IntFunction<Path> responseFile)
      throws IOException {
    this.target = target;
    this.requestFile = requestFile;
    this.responseFile = responseFile;
    listener = new ServerSocket(port, 200, InetAddress.getLoopbackAddress());
    Thread t = new Thread(this::acceptAll, "tap-" + listener.getLocalPort());
    t.setDaemon(true);
    t.start();
  }

  int port() {
    return listener.getLocalPort();
  }

  @Override
  public void close() throws IOException {
    listener.close();
  }

  private void acceptAll() {
    while (!listener.isClosed()) {
      try {
        Socket client = listener.accept();
        Socket server = new Socket();
        try {
          server.connect(target);
        } catch (IOException e) {
          client.close();
          continue;
        }
        client.setTcpNoDelay(true);
        server.setTcpNoDelay(true);
        new Connection(client, server).start();
      } catch (IOException e) {
        // the listener is closed, or one connection failed: go on
      }
    }
  }

  /** One client connection with its own connection to the target. */
  private final class Connection {
    private final Socket client;
    private final Socket server;
    private OutputStream request = OutputStream.nullOutputStream();
    private OutputStream response = OutputStream.nullOutputStream();
    private boolean answered = true;

    Connection(Socket client, Socket server) {
      this.client = client;
      this.server = server;
    }

    void start() {
      for (boolean upstream : new boolean[] {true, false}) {
        Thread t = new Thread(() -> pump(upstream), "tap-pump");
        t.setDaemon(true);
        t.start();
      }
    }

    private void pump(boolean upstream) {
      try (Socket from = upstream ? client : server) {
        Socket to = upstream ? server : client;
        InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream();
        byte[] buf = new byte[64 << 10];
        for (int n = in.read(buf); n >= 0; n = in.read(buf)) {
          keep(upstream, buf, n);
          out.write(buf, 0, n);
          out.flush();
        }
      } catch (IOException e) {
        // a closed connection ends both directions
      }
      closeAll();
    }

    private synchronized void keep(boolean upstream, byte[] buf, int n) throws IOException {
      if (upstream) {
        if (answered) {
          answered = false;
          int number = count.incrementAndGet();
          request.close();
          response.close();
          request = open(requestFile.apply(number));
          response = open(responseFile.apply(number));
        }
        request.write(buf, 0, n);
        request.flush();
      } else {
        if (!isContinue(buf, n)) {
          answered = true;
        }
        response.write(buf, 0, n);
        response.flush();
      }
    }

    private synchronized void closeAll() {
      for (AutoCloseable c : new AutoCloseable[] {request, response, client, server}) {
        try {
          c.close();
        } catch (Exception e) {
          // nothing is lost by a failing close here
        }
      }
    }
  }

  private static boolean isContinue(byte[] buf, int n) {
    if (n < CONTINUE.length) {
      return false;
    }
    for (int i = 0; i < CONTINUE.length; i++) {
      if (buf[i] != CONTINUE[i]) {
        return false;
      }
    }
    return true;
  }

  private static OutputStream open(Path file) throws IOException {
    return file == null ? OutputStream.nullOutputStream() : Files.newOutputStream(file);
  }
}
