package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/peppol"
)

// warnDays are the days left of a certificate at which a server logs it: 90, 60, 30, 14 and 7 as PKI-027 has them, and
// then each day.
var warnDays = [...]int{90, 60, 30, 14, 7, 6, 5, 4, 3, 2, 1, 0}

// warnDaysTLS is when the TLS certificate of the endpoint counts as near its end. Some are valid for 90 days only, and
// are renewed by a program 30 days before.
const warnDaysTLS = 14

// expiring is a certificate whose end must not be missed.
type expiring struct {
	use  string // one of the uses below
	what string // for people
	cert *x509.Certificate
	from int // days left from which it is logged
}

// Uses of certificates.
const (
	useKey = "ap"
	useTLS = "tls"
	useCA  = "ca"
)

// Steps beside those of warnDays.
const (
	noStep   = 1 << 20 // not near its end
	overStep = -1      // expired
)

// step returns which of warnDays was reached last.
func (e *expiring) step(now time.Time) int {
	if now.After(e.cert.NotAfter) {
		return overStep
	}
	step, left := noStep, certs.DaysLeft(e.cert, now)
	for _, days := range warnDays {
		if left <= days && days <= e.from {
			step = days
		}
	}
	return step
}

// expiries lists the certificates whose end would stop us: of each seat the key that is valid longest without a gap,
// the TLS certificate, and the CAs.
func (n *Node) expiries(now time.Time) (list []expiring) {
	seen := map[peppol.SeatID]bool{}
	for _, id := range n.Keys.Identities() {
		if !seen[id.Seat] {
			seen[id.Seat] = true
			if last := n.lastKey(id.Seat, now); last != nil {
				list = append(list, expiring{useKey, "certificate of our key", last.Cert, warnDays[0]})
			}
		}
	}
	a := &n.Config.AS4
	if !a.Plain {
		// else the reload says so
		if pair, err := tls.LoadX509KeyPair(n.Config.Path(a.TLSCert), n.Config.Path(a.TLSKey)); err == nil {
			list = append(list, expiring{useTLS, "TLS certificate", pair.Leaf, warnDaysTLS})
		}
	}
	anchors := n.Trust.Anchors()
	for _, role := range [...][]certs.Issuer{anchors.AP, anchors.SMP} {
		all := certs.CAs(role)
		for _, ca := range all {
			if !certs.Renewed(ca, all) {
				list = append(list, expiring{useCA, "CA certificate", ca, warnDays[0]})
			}
		}
	}
	return list
}

// lastKey is the key of a seat that is in use when all those that follow on each other have ended.
func (n *Node) lastKey(seat peppol.SeatID, now time.Time) *certs.Identity {
	last, err := n.Keys.Current(seat, now)
	if err != nil {
		for _, id := range n.Keys.Identities() { // newest first
			if id.Seat == seat {
				return id
			}
		}
		return nil
	}
	for next := last; next != nil; {
		next = nil
		for _, id := range n.Keys.Identities() {
			follows := !id.Cert.NotBefore.After(last.Cert.NotAfter) && id.Cert.NotAfter.After(last.Cert.NotAfter)
			if id.Seat == seat && follows {
				next, last = id, id
			}
		}
	}
	return last
}

// expiryEvery is how often the dates are looked at.
const expiryEvery = time.Hour

// watchExpiry logs which certificates end soon: at the start, and whenever another step of warnDays is reached.
func (n *Node) watchExpiry(ctx context.Context) {
	told := map[string]int{}
	tick := time.NewTicker(expiryEvery)
	defer tick.Stop()
	for {
		n.tellExpiry(told, n.opts.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tellExpiry logs the certificates that have reached another step since they were told.
func (n *Node) tellExpiry(told map[string]int, now time.Time) {
	for _, e := range n.expiries(now) {
		step, sum := e.step(now), certs.Fingerprint(e.cert)
		if before, known := told[sum]; step == noStep || known && before == step {
			continue
		}
		told[sum] = step
		level := zerolog.WarnLevel
		if step <= 7 {
			level = zerolog.ErrorLevel
		}
		n.alarm(level, "certificate_expires").Str("use", e.what).Str("subject",
			clean(certs.Subject(e.cert))).Str("sha256", sum).
			Int("days", certs.DaysLeft(e.cert, now)).Time("valid_until", e.cert.NotAfter).
			Msg("the " + e.what + " " + certs.Term(e.cert, now))
	}
}
