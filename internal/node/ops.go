package node

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/internal/fault"
)

// opsServer is the listener for those who watch the node: /healthz, /readyz and /metrics, without credentials and
// without secrets (API-080). It is open until everything else has ended, so that a load balancer sees the node leave.
type opsServer struct {
	listener net.Listener
	server   *http.Server
}

// maxWatchers is how many connections to the listener are open at once.
const maxWatchers = 32

// listenOps binds ops.listen, if there is one.
func (n *Node) listenOps() error {
	if n.Config.Ops.Listen == "" {
		return nil
	}
	l, err := net.Listen("tcp", n.Config.Ops.Listen)
	if err != nil {
		return n.Config.Fault(fault.ListenFailed, err, "ops.listen", "%s", n.Config.Ops.Listen)
	}
	n.ops.listener = &limited{Listener: l, places: make(chan struct{}, maxWatchers)}
	n.ops.server = &http.Server{
		Handler: n.opsHandler(), ErrorLog: log.New(httpLog{n}, "", 0), ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		MaxHeaderBytes: 8 << 10,
	}
	n.ops.server.SetKeepAlivesEnabled(false) // who watches comes now and then, and would hold a place meanwhile
	return nil
}

// OpsAddr is the address of the listener, "" if there is none. Only after Listen.
func (n *Node) OpsAddr() string {
	if n.ops.listener == nil {
		return ""
	}
	return n.ops.listener.Addr().String()
}

// serveOps answers until end is called.
func (n *Node) serveOps() (end func()) {
	if n.ops.listener == nil {
		return func() {}
	}
	served := make(chan error, 1)
	go func() {
		err := n.ops.server.Serve(n.ops.listener)
		if !errors.Is(err, http.ErrServerClosed) {
			n.heir().failure(fault.New(fault.ListenFailed, err, "%s", n.OpsAddr())).
				Msg("nobody can watch this server any more: its listener failed")
		}
		served <- err
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if n.ops.server.Shutdown(ctx) != nil {
			_ = n.ops.server.Close() // somebody reads slowly
		}
		<-served
	}
}

// opsHandler serves what API-080 names.
func (n *Node) opsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		noStore(w, "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok")) // who asked is gone
	})
	mux.HandleFunc("GET /readyz", n.answerReady)
	mux.Handle("GET /metrics", n.eye.metrics.Handler())
	return mux
}

// readiness is the answer to /readyz.
type readiness struct {
	Ready  bool     `json:"ready"`
	Failed []string `json:"failed"`
}

// answerReady says which checks fail, and no more (API-080).
func (n *Node) answerReady(w http.ResponseWriter, _ *http.Request) {
	noStore(w, "application/json")
	a := readiness{Failed: append([]string{}, n.heir().failing()...)}
	if a.Ready = len(a.Failed) == 0; !a.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(a) // who asked is gone
}

func noStore(w http.ResponseWriter, contentType string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

// limited is a listener whose connections are bounded: further ones wait in the queue of the system.
type limited struct {
	net.Listener
	places chan struct{}
}

// Accept waits for a place and a connection.
func (l *limited) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: c, free: onceFree(l.places)}, nil
}

// placed is a connection that gives its place back when it is closed.
type placed struct {
	net.Conn
	free func()
}

// Close closes the connection.
func (c *placed) Close() error {
	defer c.free()
	return c.Conn.Close()
}

func onceFree(places chan struct{}) func() { return sync.OnceFunc(func() { <-places }) }
