package node

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
)

// TestSEC012StalledHeader connects to the listener of a node, whose limits are shortened, and does not finish a
// handshake or a header.
func TestSEC012StalledHeader(t *testing.T) {
	p, dir := testPKI(t)
	n := newNode(t, dir, "POP900001")
	id, err := p.TLS.Issue(localca.Leaf{CN: "127.0.0.1", DNS: []string{"127.0.0.1"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	srv := n.server()
	if srv.ReadHeaderTimeout != 10*time.Second || srv.IdleTimeout != time.Minute || srv.MaxHeaderBytes != 32<<10 {
		t.Errorf("limits %v, %v, %d", srv.ReadHeaderTimeout, srv.IdleTimeout, srv.MaxHeaderBytes)
	}
	srv.ReadHeaderTimeout = 200 * time.Millisecond
	plain, secure := listen(t), listen(t)
	go func() { _ = srv.Serve(plain) }() // until Close
	go func() { _ = srv.Serve(tls.NewListener(secure, serverTLS(serving(id)))) }()
	t.Cleanup(func() { _ = srv.Close() })

	head := "POST /as4 HTTP/1.1\r\nHost: a\r\nContent-Type: x"
	for _, tc := range []struct {
		name    string
		to      net.Listener
		sent    string
		trickle bool // more follows byte by byte
	}{
		{"nothing", plain, "", false},
		{"half a header", plain, head, false},
		{"a header byte by byte", plain, head, true},
		{"no handshake", secure, "", false},
		{"half a handshake", secure, "\x16\x03\x01\x00\xc8\x01\x00", false},
		{"a handshake byte by byte", secure, "\x16\x03\x01\x3f\x00\x01\x00\x3e\xfc", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", tc.to.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() }) // closed already
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.WriteString(conn, tc.sent); err != nil {
				t.Fatal(err)
			}
			go func() {
				for tc.trickle {
					if _, err := conn.Write([]byte("x")); err != nil {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			}()
			got, err := io.ReadAll(conn)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
			if bytes.HasPrefix(got, []byte("HTTP/1.1 200")) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serving is a certificate that is in use already.
func serving(id *certs.Identity) *reloading {
	return &reloading{
		cert:    &tls.Certificate{Certificate: [][]byte{id.Cert.Raw}, PrivateKey: id.Key},
		checked: time.Now().Add(time.Hour),
	}
}
