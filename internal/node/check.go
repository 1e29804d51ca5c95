package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/alert"
	"github.com/ravn-ap/ravn/internal/alive"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db/postgres"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/smp"
)

// CheckOptions say what Check looks at.
type CheckOptions struct {
	Now     time.Time
	Server  bool // what only a server needs, too: the listener
	Connect bool // the database is asked, and backends are tried
}

// Check returns everything for which a node would not start, or would not work, each as a *fault.Error with key and
// line, joined; and remarks on what an operator should know all the same. It makes and changes nothing. Open begins
// with the same checks: what config check, serve and send say cannot differ.
func Check(ctx context.Context, cfg *config.Config, o CheckOptions) (remarks []string, err error) {
	in := inspect(ctx, cfg, o)
	return append(in.remarks, in.ending...), errors.Join(in.bad...)
}

// inspection is a configuration while it is checked, with what was read on the way.
type inspection struct {
	cfg     *config.Config
	opts    CheckOptions
	bad     []error
	remarks []string
	ending  []string // remarks on certificates that end soon, which a running server logs from day to day

	ids   []*certs.Identity // own keys in the order of the configuration; nil for one that cannot be read
	trust *certs.Verifier
	roots *x509.CertPool // for outgoing TLS
	guard *smp.Guard
}

// inspect makes all checks, each of which goes as far as it can without those before it.
func inspect(ctx context.Context, cfg *config.Config, o CheckOptions) *inspection {
	in := &inspection{cfg: cfg, opts: o}
	in.add(cfg.Check())
	in.keys(ctx)
	in.network()
	if o.Server {
		in.listener()
		in.add(cfg.CheckPickups())
	}
	in.add(cfg.CheckFolders())
	in.rules()
	in.alerts()
	in.database(ctx)
	if o.Connect {
		in.backends()
	}
	cfg.UnusedDelivery(func(path, problem string) { in.remark(path, "%s", problem) })
	cfg.UnusedPlans(func(path, earlier string) {
		in.remark(path, "it is the plan of no message: %s fits all that it fits", earlier)
	})
	return in
}

// add notes an error, or all that are joined in it.
func (in *inspection) add(err error) {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range j.Unwrap() {
			in.add(one)
		}
	} else if err != nil {
		in.bad = append(in.bad, err)
	}
}

func (in *inspection) remark(path, format string, args ...any) {
	in.remarks = append(in.remarks, path+in.cfg.Where(path)+": "+fmt.Sprintf(format, args...))
}

// ends remarks that a certificate ends soon.
func (in *inspection) ends(path, what string, c *x509.Certificate) {
	in.ending = append(in.ending, fmt.Sprintf("%s%s: %s %s", path, in.cfg.Where(path), what,
		certs.Term(c, in.opts.Now)))
}

// keys checks every own key, not only the first: readable, an access point's, of this environment's PKI (PKI-030,
// PKI-031), also one that is not valid yet, which would start to sign one day without anybody checking it; and that
// each seat has one that is valid now (PKI-027).
func (in *inspection) keys(ctx context.Context) {
	var err error
	in.ids, err = in.cfg.Identities()
	in.add(err)
	anchors, err := in.cfg.Anchors()
	in.add(err)
	if _, unknown := certs.ParseEnvironment(in.cfg.Environment); unknown != nil || err != nil || len(anchors.AP) == 0 {
		return // said already; whose the keys are cannot be told
	}
	in.trust = certs.NewVerifier(anchors, certs.Unchecked{})
	var usable []*certs.Identity
	for i, id := range in.ids {
		if id == nil {
			continue
		}
		usable = append(usable, id)
		if err := in.trust.Belongs(id.Cert); err != nil {
			in.add(in.cfg.Fault(fault.KeyUntrusted, err, keyPath(i), "seat %s, certificate %s", id.Seat,
				certs.Fingerprint(id.Cert)))
		}
	}
	ring := certs.NewKeyring(usable...)
	for i, id := range in.ids {
		if id != nil && in.trust.Belongs(id.Cert) == nil {
			in.keyDates(ctx, ring, i)
		}
	}
}

func keyPath(i int) string { return fmt.Sprintf("keys[%d]", i) }

// keyDates checks the dates of a key. One that has expired is no error beside a valid one of its seat: it opens what
// was sealed for it (PKI-025).
func (in *inspection) keyDates(ctx context.Context, ring *certs.Keyring, i int) {
	id, now := in.ids[i], in.opts.Now
	current, err := ring.Current(id.Seat, now)
	switch {
	case err != nil:
		in.add(in.cfg.Fault(fault.KeyUntrusted, nil, keyPath(i),
			"seat %s: the certificate %s, and the seat has no other key that is valid now",
			id.Seat, certs.Term(id.Cert, now)))
	case current == id:
		if err := in.trust.VerifyAP(ctx, id.Cert, now); err != nil {
			in.add(in.cfg.Fault(fault.KeyUntrusted, err, keyPath(i), "seat %s", id.Seat))
		} else if certs.DaysLeft(id.Cert, now) < warnDays[0] {
			in.ends(keyPath(i), "the certificate of seat "+string(id.Seat), id.Cert)
		}
	case now.After(id.Cert.NotAfter):
		in.remark(keyPath(i), "the certificate of seat %s %s: it only opens what was sealed for it", id.Seat,
			certs.Term(id.Cert, now))
	}
}

// network checks what outgoing connections need, and says what they cannot do, or do otherwise than one may think.
func (in *inspection) network() {
	var err error
	in.roots, err = in.cfg.TLSRoots()
	in.add(err)
	in.guard, err = in.cfg.Guard(in.roots)
	in.add(err)
	if proxy := in.cfg.ProxyAddress(); proxy != "" { // OPS-140
		in.remark("network.proxy", "connections to SMPs and access points are made by %s. The name of each host is "+
			"checked here, and its addresses "+
			"if our resolver knows them; which addresses the proxy itself resolves and connects to is its policy",
			proxy)
	}
	if zoneOf(in.cfg) == "" && in.cfg.Env() == certs.Local {
		in.remark("discovery.zone",
			"there is none, so no receiver can be looked up: documents can only be sent with --endpoint")
	}
}

// listener checks the TLS pair and the addresses.
func (in *inspection) listener() {
	a := &in.cfg.AS4
	switch {
	case a.Plain && (a.TLSCert != "" || a.TLSKey != ""):
		in.remark("as4.plain", "the endpoint listens without TLS: as4.tls_cert and as4.tls_key are not used")
	case !a.Plain && a.TLSCert != "" && a.TLSKey != "":
		in.tlsPair()
	}
	if !config.IsAddress(a.Listen) {
		return // said already
	}
	in.address("as4.listen", a.Listen)
	if o := in.cfg.Ops.Listen; config.IsAddress(o) {
		in.address("ops.listen", o)
	}
}

// address checks that one can listen at an address.
func (in *inspection) address(key, addr string) {
	l, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		_ = l.Close() // it was only to see whether it can be opened
	case errors.Is(err, syscall.EADDRINUSE) && in.serving(): // by the server of this configuration, it seems
	default:
		in.add(in.cfg.Fault(fault.ListenFailed, err, key, "%s", addr))
	}
}

// tlsPair checks that certificate and key belong together and are valid now.
func (in *inspection) tlsPair() {
	a := &in.cfg.AS4
	pair, err := tls.LoadX509KeyPair(in.cfg.Path(a.TLSCert), in.cfg.Path(a.TLSKey))
	switch now := in.opts.Now; {
	case err != nil:
		in.add(in.cfg.Fault(fault.TLSUnreadable, err, "as4.tls_cert", "%s and %s", a.TLSCert, a.TLSKey))
	case now.Before(pair.Leaf.NotBefore), now.After(pair.Leaf.NotAfter):
		in.add(in.cfg.Fault(fault.TLSUnreadable, nil, "as4.tls_cert", "%s %s", a.TLSCert, certs.Term(pair.Leaf, now)))
	case certs.DaysLeft(pair.Leaf, now) < warnDaysTLS:
		in.ends("as4.tls_cert", a.TLSCert, pair.Leaf)
	}
}

// serving reports whether a server uses the data folder now.
func (in *inspection) serving() bool {
	list, err := alive.Living(filepath.Join(in.cfg.Path(in.cfg.Data), sqlite.ProcessesDir))
	if err != nil {
		return false
	}
	for _, who := range list {
		if who.Server {
			return true
		}
	}
	return false
}

// rules remarks on a folder of rule packs that is named and is not there.
func (in *inspection) rules() {
	if dir := in.cfg.Validation.Rules; dir != "" {
		if _, err := os.ReadDir(in.cfg.Path(dir)); err != nil {
			in.remark("validation.rules", "%v: documents are checked by the built-in rules only", err)
		}
	}
}

// alerts checks what the channels of alerts need from files (OPS-071).
func (in *inspection) alerts() {
	for i, ch := range in.cfg.Alerts.Channels {
		secret, err := in.cfg.AlertSecret(i)
		if err == nil && ch.Kind == config.WebhookChannel && ch.Secret+ch.SecretFile != "" {
			if _, perr := alert.ParseSecret(secret); perr != nil {
				err = in.cfg.AlertFault(i, secretKey(&ch), perr)
			}
		}
		in.add(err)
	}
}

// secretKey is the key that names the secret of a webhook.
func secretKey(ch *config.AlertChannel) string {
	if ch.SecretFile != "" {
		return "secret_file"
	}
	return "secret"
}

// backends tries each backend with a probe (OPS-007). A folder that is not there yet is made when the server starts,
// and that it can be made has been checked.
func (in *inspection) backends() {
	all := targets(in.cfg)
	for _, t := range in.cfg.Targets() {
		if _, err := os.Stat(t.Dir); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := all[t.Name].Probe(); err != nil {
			in.add(in.cfg.Fault(fault.FolderUnusable, err, t.Key, "backend %s, %s", t.Name, t.Dir))
		}
	}
}

// database checks the address of the database, and asks it with Connect.
func (in *inspection) database(ctx context.Context) {
	if in.cfg.Database != "" {
		if err := postgres.CheckAddress(in.cfg.Database); err != nil {
			in.add(in.cfg.Fault(fault.DatabaseUnusable, err, "database", "the address cannot be used"))
			return
		}
	}
	if in.opts.Connect {
		ready, err := connect(ctx, in.cfg)
		in.add(err)
		if ready {
			in.add(in.unrouted(ctx))
		}
	}
}
