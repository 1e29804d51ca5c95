package sml

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// udpSize is the answer size that we advertise: the largest that practically never needs fragmentation (DISC-047).
const udpSize = 1232

// resolvConf names the system's resolvers.
const resolvConf = "/etc/resolv.conf"

// ask gets one answer about the NAPTR records of name: NOERROR or NXDOMAIN; everything else is an error. Each try goes
// to the next server, beginning with the one at index first.
func (r *Resolver) ask(ctx context.Context, name string, first int) (*dns.Msg, error) {
	release, err := r.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, 3*r.timeout()) // all tries together (DISC-047)
	defer cancel()
	servers, err := r.servers()
	if err != nil {
		return nil, err
	}
	var failed []error
	for i, network := range []string{"udp", "udp", "tcp"} {
		server := servers[(first+i)%len(servers)]
		m, err := r.exchange(ctx, network, server, name)
		if err == nil && m.Truncated && network == "udp" {
			m, err = r.exchange(ctx, "tcp", server, name)
		}
		if err == nil {
			err = usable(m)
		}
		if err == nil {
			return m, nil
		}
		failed = append(failed, fmt.Errorf("%s %s: %w", network, server, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, inOneLine(failed)
}

// inOneLine joins errors for a log line.
func inOneLine(list []error) error {
	err := list[0]
	for _, e := range list[1:] {
		err = fmt.Errorf("%w; %w", err, e)
	}
	return err
}

// exchange asks one server. One that does not understand EDNS0 is asked again without (RFC 6891 §7).
func (r *Resolver) exchange(ctx context.Context, network, server, name string) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(name, dns.TypeNAPTR)
	q.SetEdns0(udpSize, false)
	m, err := r.exchangeOnce(ctx, network, server, q)
	if err == nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) {
		q = new(dns.Msg).SetQuestion(name, dns.TypeNAPTR)
		m, err = r.exchangeOnce(ctx, network, server, q)
	}
	switch {
	case err != nil:
		return nil, err
	case !m.Response || len(m.Question) != 1 || !answers(m.Question[0], q.Question[0]):
		return nil, errors.New("the answer belongs to another question")
	}
	return m, nil
}

// exchangeOnce sends one question and reads one message with its id.
func (r *Resolver) exchangeOnce(ctx context.Context, network, server string, q *dns.Msg) (*dns.Msg, error) {
	if r.Asked != nil {
		began := time.Now()
		defer func() { r.Asked(time.Since(began)) }()
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout())
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // so that a cancelled lookup ends at once
	client := dns.Client{Net: network, Timeout: r.timeout()}
	m, _, err := client.ExchangeWithConnContext(ctx, q, &dns.Conn{Conn: conn})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded): // the deadline of ctx, which the connection may see a moment earlier
		return nil, context.DeadlineExceeded
	}
	return m, err
}

func answers(got, want dns.Question) bool {
	return got.Qtype == want.Qtype && got.Qclass == want.Qclass && strings.EqualFold(got.Name, want.Name)
}

// usable returns an error unless an answer says yes or no. SERVFAIL, REFUSED and all the others say neither (DISC-048).
func usable(m *dns.Msg) error {
	switch {
	case m.Truncated:
		return errors.New("the answer is truncated")
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return errors.New("the server answers " + dns.RcodeToString[m.Rcode])
	}
	return nil
}

func (r *Resolver) servers() ([]string, error) {
	if r.Server != "" {
		return []string{r.Server}, nil
	}
	return systemServers(resolvConf)
}

// systemServers reads the addresses of the system's resolvers. The file is read each time because it changes with the
// network.
func systemServers(file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	conf, err := dns.ClientConfigFromReader(f)
	if err != nil {
		return nil, err
	}
	if len(conf.Servers) == 0 {
		return nil, errors.New(file + " names no server")
	}
	out := make([]string, len(conf.Servers))
	for i, s := range conf.Servers {
		out[i] = net.JoinHostPort(s, conf.Port)
	}
	return out, nil
}
