// Package proxy is a small HTTP proxy as companies have them between their servers and the internet. It makes tunnels
// only (CONNECT), resolves names by a table of its own, and refuses on request.
package proxy

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
)

// Options say how a Server behaves. The zero value makes every tunnel it is asked for.
type Options struct {
	TLS   *tls.Config       // the Server speaks TLS itself; nil means it does not
	Names map[string]string // host:port to the address that it connects to; others are taken as they are
	Auth  string            // "user:password" that it wants; "" means none
	Deny  int               // HTTP status of all answers; 0 means that nothing is denied
}

// Server is a running proxy.
type Server struct {
	http *httptest.Server
	opts Options

	mu    sync.Mutex
	asked []string
}

// New starts a Server on a loopback address.
func New(o Options) *Server {
	s := &Server{opts: o}
	s.http = httptest.NewUnstartedServer(s)
	if s.http.TLS = o.TLS; o.TLS != nil {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	return s
}

// Addr is the address of the Server, host:port.
func (s *Server) Addr() string { return s.http.Listener.Addr().String() }

// Close ends the Server. Tunnels end with either side of them.
func (s *Server) Close() { s.http.Close() }

// Asked returns the targets that tunnels were asked for, in order.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// Deny makes the Server answer everything with a status from now on; 0 ends that.
func (s *Server) Deny(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.Deny = status
}

// ServeHTTP makes one tunnel.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Host)
	o := s.opts
	s.mu.Unlock()
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(o.Auth))
	switch {
	case r.Method != http.MethodConnect:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case o.Deny != 0:
		w.WriteHeader(o.Deny)
		return
	case o.Auth != "" && r.Header.Get("Proxy-Authorization") != want:
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	to, ok := o.Names[r.Host]
	if !ok {
		to = r.Host
	}
	there, err := net.Dial("tcp", to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = there.Close() // nobody will use it
		return
	}
	go forward(there, here, buffered) // what the client has sent already may be in the buffer
	forward(here, there, there)
}

// forward copies one direction of a tunnel to its end.
func forward(to, from net.Conn, r io.Reader) {
	defer func() { _ = from.Close() }()
	_, _ = io.Copy(to, r) // the end of either side ends the tunnel
	_ = to.Close()
}
