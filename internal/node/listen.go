package node

import (
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
)

// Listen binds the AS4 address, so that Addr is known before Serve.
func (n *Node) Listen() error {
	c := &n.Config.AS4
	if !c.Plain {
		n.cert = &reloading{certFile: n.Config.Path(c.TLSCert), keyFile: n.Config.Path(c.TLSKey), reloaded: n.logReload}
		if _, err := n.cert.get(nil); err != nil {
			return n.Config.Fault(fault.TLSUnreadable, err, "as4.tls_cert", "%s and %s", c.TLSCert, c.TLSKey)
		}
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return n.Config.Fault(fault.ListenFailed, err, "as4.listen", "%s", c.Listen)
	}
	n.gate = n.newGate()
	l = n.gate.Listener(l)
	if !c.Plain {
		l = tls.NewListener(l, serverTLS(n.cert))
	}
	n.listener = l
	return n.listenOps()
}

// Addr is the address of the AS4 endpoint. Only after Listen.
func (n *Node) Addr() string { return n.listener.Addr().String() }

// URL is the URL of the AS4 endpoint. Only after Listen.
func (n *Node) URL() string {
	scheme := "https"
	if n.Config.AS4.Plain {
		scheme = "http"
	}
	return scheme + "://" + n.Addr() + n.Config.AS4.Path
}

// newGate limits the resources that strangers may hold (SEC-012, SEC-016).
func (n *Node) newGate() *intake.Gate {
	all, source := n.limits()
	return &intake.Gate{
		All: all, Source: source, Proxies: n.Config.TrustedProxies(), Now: n.opts.Now,
		Closed: func(c intake.Closing) { n.heir().connectionClosed(c) },
	}
}

// limits are those of everybody together and of one source.
func (n *Node) limits() (all, source intake.Limits) {
	c := &n.Config.AS4
	spool, connections := n.spoolRoom(), n.connections()
	return intake.Limits{Connections: connections, Files: connections, Spool: spool},
		intake.Limits{Connections: c.PerSource, Files: c.PerSource, Spool: min(spool, max(spool/4, 2*c.MaxBytes))}
}

// spoolRoom is how much the spool may hold: the configured value, or else enough for four messages of the largest size,
// at most a quarter of the free disk space, but in any case enough for one.
func (n *Node) spoolRoom() int64 {
	c := &n.Config.AS4
	if c.SpoolBytes > 0 {
		return c.SpoolBytes
	}
	room := max(4<<30, 4*c.MaxBytes)
	if free, _, err := n.opts.DiskSpace(n.spool); err == nil {
		room = min(room, int64(min(free/4, 1<<62)))
	}
	return max(room, c.MaxBytes)
}

// Open files that one connection may need (its socket, spool and blob), and that everything else needs.
const (
	filesPerConnection = 3
	filesBeside        = 128
)

// connections is how many connections may be open: as many as configured, if the limit of open files allows that.
func (n *Node) connections() int {
	want := n.Config.AS4.Connections
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return want
	}
	return n.fit(want, limit.Cur)
}

// fit is how many connections the given number of open files allows, at most want.
func (n *Node) fit(want int, files uint64) int {
	most := max(1, (int(min(files, 1<<30))-filesBeside)/filesPerConnection)
	if most >= want {
		return want
	}
	n.opts.Log.Error().Int("connections", most).Int("configured", want).Uint64("open_files", files).
		Msg("the limit of open files is too low for as4.connections")
	return most
}

// server is the AS4 listener: HTTP/1.1 only, with nothing but the endpoint on it (SEC-010, SEC-012, SEC-014).
func (n *Node) server() *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	n.succession.receiver.Store(n.Receiver())
	return &http.Server{
		Handler: n.watched(&n.succession), Protocols: protocols, ErrorLog: log.New(httpLog{n}, "", 0),
		ConnState:         n.gate.ConnState,
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10,
	}
}

// Receiver is the AS4 endpoint of the node. Only after Listen.
func (n *Node) Receiver() *as4.Receiver {
	c := n.Config.AS4
	return &as4.Receiver{
		Keys: func() *certs.Keyring { return n.Keys }, Trust: n.Trust, Handler: n.Inbound, Seat: n.Seat,
		Host: n.Config.Host, Path: c.Path, Spool: n.spool, MaxBytes: c.MaxBytes, MaxExpanded: c.MaxSize,
		Intake: n.gate, InFlight: c.InFlight, Lenient: c.Lenient, RefuseBase64: !c.AcceptBase64,
		Standard: n.Config.FullStandard,
		Ready:    n.ready, Done: n.finished, NewID: db.NewID, Hook: n.opts.Hook, Now: n.opts.Now,
	}
}
