package no.ravn.interop;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.helger.phase4.crypto.AS4CryptoFactoryInMemoryKeyStore;
import com.helger.phase4.incoming.AS4RequestHandler;
import com.helger.phase4.incoming.spi.IAS4IncomingMessageProcessorSPI;
import com.helger.phase4.mgr.MetaAS4Manager;
import com.helger.phase4.servlet.AS4UnifiedResponse;
import com.helger.phase4.servlet.AS4XServletHandler;
import com.helger.phase4.servlet.IAS4ServletRequestHandlerCustomizer;
import com.helger.collection.commons.CommonsArrayList;
import com.helger.http.EHttpMethod;
import com.helger.web.scope.IRequestWebScopeWithoutResponse;
import com.helger.web.scope.mgr.WebScopeManager;
import com.helger.xservlet.AbstractXServlet;
import jakarta.servlet.ServletContextEvent;
import jakarta.servlet.ServletContextListener;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * The receiving access points. One Jetty with one phase4 servlet lives as long as the program, because phase4 binds
 * its managers to the servlet context; a receiver is a listening port with its own keys, folders and rules.
 */
final class Receivers {
  private static Server server;
  /** By the port that Jetty listens on, which a request tells us. */
  private static final Map<Integer, Receiver> BY_PORT = new ConcurrentHashMap<>();

  private final Map<String, Receiver> byName = new LinkedHashMap<>();
  private int started;

  /** Starts Jetty and with it the global scope of phase4; senders need the scope as well. */
  static synchronized void scope() throws Exception {
    if (server != null) {
      return;
    }
    Server s = new Server();
    ServletContextHandler context = new ServletContextHandler("/", false, false);
    context.addEventListener(new ServletContextListener() {
      @Override
      public void contextInitialized(ServletContextEvent event) {
        WebScopeManager.onGlobalBegin(event.getServletContext());
        MetaAS4Manager.getInstance();
      }

      @Override
      public void contextDestroyed(ServletContextEvent event) {
        WebScopeManager.onGlobalEnd();
      }
    });
    ServletHolder holder = new ServletHolder("as4", Endpoint.class);
    holder.setInitOrder(1);
    context.addServlet(holder, "/as4");
    s.setHandler(context);
    s.start();
    server = s;
  }

  /** The servlet of phase4, told which receiver a request belongs to. Jetty makes it inside the servlet context. */
  public static final class Endpoint extends AbstractXServlet {
    public Endpoint() {
      settings().setMultipartEnabled(false);
      AS4XServletHandler handler = new AS4XServletHandler();
      handler.setRequestHandlerCustomizer(new IAS4ServletRequestHandlerCustomizer() {
        @Override
        public void customizeBeforeHandling(IRequestWebScopeWithoutResponse scope, AS4UnifiedResponse response,
            AS4RequestHandler as4) {
          Receiver r = BY_PORT.get(scope.getRequest().getLocalPort());
          if (r == null) {
            throw new IllegalStateException("no receiver on this port");
          }
          as4.setCryptoFactory(r.crypto());
          as4.setProcessorSupplier(() -> new CommonsArrayList<IAS4IncomingMessageProcessorSPI>(r));
        }

        @Override
        public void customizeAfterHandling(IRequestWebScopeWithoutResponse scope, AS4UnifiedResponse response,
            AS4RequestHandler as4) {}
      });
      handlerRegistry().registerHandler(EHttpMethod.POST, handler);
    }
  }

  synchronized JsonObject start(JsonObject cmd) throws Exception {
    scope();
    int port = Json.number(cmd, "port", 0);
    String capture = Json.text(cmd, "capture_dir", null);
    Keys.Identity own = Keys.identity(cmd);
    AS4CryptoFactoryInMemoryKeyStore crypto = Keys.crypto(own, Keys.anchors(cmd, "ca_pem"));
    ServerConnector connector = new ServerConnector(server);
    connector.setHost(InetAddress.getLoopbackAddress().getHostAddress());
    connector.setPort(capture == null ? port : 0);
    connector.setIdleTimeout(120_000);
    connector.open();
    Receiver r = new Receiver("r" + ++started, cmd, own, crypto, connector);
    BY_PORT.put(connector.getLocalPort(), r);
    server.addConnector(connector);
    connector.start();
    int outside = connector.getLocalPort();
    if (capture != null) {
      Path dir = Files.createDirectories(Path.of(capture));
      try {
        r.tap = new Tap(port, new InetSocketAddress(InetAddress.getLoopbackAddress(), connector.getLocalPort()),
            n -> dir.resolve(String.format("%03d-request.http", n)),
            n -> dir.resolve(String.format("%03d-response.http", n)));
      } catch (IOException e) {
        connector.stop();
        server.removeConnector(connector);
        throw e;
      }
      outside = r.tap.port();
    }
    byName.put(r.name(), r);
    JsonObject o = new JsonObject();
    o.addProperty("receiver", r.name());
    o.addProperty("url", "http://127.0.0.1:" + outside + "/as4");
    o.addProperty("port", outside);
    o.addProperty("seat", own.seat());
    return o;
  }

  synchronized JsonObject stop(JsonObject cmd) throws Exception {
    Receiver r = find(cmd);
    byName.remove(r.name());
    BY_PORT.remove(r.connector.getLocalPort());
    if (r.tap != null) {
      r.tap.close();
    }
    r.connector.stop();
    server.removeConnector(r.connector);
    JsonObject o = new JsonObject();
    o.addProperty("receiver", r.name());
    o.addProperty("received", r.list().size());
    return o;
  }

  JsonObject list(JsonObject cmd) {
    Receiver r = find(cmd);
    JsonArray all = r.list();
    JsonObject o = new JsonObject();
    o.addProperty("receiver", r.name());
    o.addProperty("count", all.size());
    o.add("received", all);
    o.add("refused", r.refused());
    return o;
  }

  /** Makes phase4 forget which messages it has seen, as it does by itself ten minutes later. */
  synchronized JsonObject forget() {
    JsonObject o = new JsonObject();
    o.addProperty("forgotten", MetaAS4Manager.getIncomingDuplicateMgr()
        .evictAllItemsBefore(OffsetDateTime.now().plusMinutes(1)).size());
    return o;
  }

  /** The receiver a command names with "receiver"; without a name the one started last. */
  private synchronized Receiver find(JsonObject cmd) {
    String name = Json.text(cmd, "receiver", null);
    Receiver found = null;
    for (Receiver r : byName.values()) {
      if (name == null || name.equals(r.name())) {
        found = r;
      }
    }
    if (found == null) {
      throw new IllegalArgumentException("no such receiver");
    }
    return found;
  }
}
