package smp

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// counted is a TLS server that tells of its connections.
type counted struct {
	*httptest.Server
	mu      sync.Mutex
	opened  int
	closed  chan struct{} // one for each that the client closes
	resumed chan bool     // of each request
}

func (w *world) counted(t *testing.T, handler func()) *counted {
	t.Helper()
	c := &counted{closed: make(chan struct{}, 100), resumed: make(chan bool, 100)}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what the client sends
		c.resumed <- r.TLS.DidResume
		handler()
	}))
	c.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{w.tls.Cert.Raw}, PrivateKey: w.tls.Key}}}
	c.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			c.mu.Lock()
			c.opened++
			c.mu.Unlock()
		case http.StateClosed:
			c.closed <- struct{}{}
		}
	}
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func (c *counted) connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opened
}

func post(t *testing.T, client *http.Client, url string) {
	t.Helper()
	res, err := client.Post(url, "text/plain", strings.NewReader("a message"))
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body) // it is empty
	_ = res.Body.Close()
}

func (w *world) roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(w.pki.TLS.Cert)
	return roots
}

// REL-025, issue: messages to one access point go one after the other over one connection, and when it was closed, the
// next one resumes its TLS session.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.counted(t, func() {})
	client := (&Guard{Local: true}).AccessPoints(w.roots())
	for range 20 {
		post(t, client, s.URL)
		if <-s.resumed {
			t.Error("the first connection resumes a session")
		}
	}
	if n := s.connections(); n != 1 {
		t.Errorf("twenty messages over %d connections", n)
	}
	client.CloseIdleConnections()
	<-s.closed
	post(t, client, s.URL)
	if resumed := <-s.resumed; !resumed || s.connections() != 2 {
		t.Errorf("another connection of %d: resumed %t", s.connections(), resumed)
	}
}

// Of idle connections only some are kept, to one access point and in all, and they are closed after a while.
func TestIdleConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := (&Guard{Local: true}).AccessPoints(w.roots())
	transport := client.Transport.(*guarded).next
	if transport.IdleConnTimeout != 30*time.Second {
		t.Errorf("they are kept for %s", transport.IdleConnTimeout)
	}
	const together = idlePerPeer + 4
	all := sync.WaitGroup{}
	all.Add(together)
	one := w.counted(t, func() { all.Done(); all.Wait() })
	var posts sync.WaitGroup
	for range together {
		posts.Go(func() { post(t, client, one.URL) })
	}
	posts.Wait()
	for range together - idlePerPeer {
		<-one.closed
	}
	closed := make(chan struct{})
	for range 64/idlePerPeer + 1 {
		var full sync.WaitGroup
		full.Add(idlePerPeer)
		s := w.counted(t, func() { full.Done(); full.Wait() })
		for range idlePerPeer {
			posts.Go(func() { post(t, client, s.URL) })
		}
		posts.Wait()
		go func() {
			for range s.closed {
				closed <- struct{}{}
			}
		}()
	}
	for range idlePerPeer { // the oldest give way
		<-one.closed
	}
	for range idlePerPeer {
		<-closed
	}
	transport.IdleConnTimeout = time.Millisecond // from now on
	last := w.counted(t, func() {})
	post(t, client, last.URL)
	<-last.closed
}
