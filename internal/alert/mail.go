package alert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"
)

// Mail sends notices as plain text, several in one mail (OPS-071).
type Mail struct {
	Server         string // host:port
	TLS            string // starttls, tls or none; none only to loopback
	Roots          *x509.CertPool
	User, Password string
	From           string
	To             []string
	Host           string // right half of the message ids, and the name that the server is greeted with
}

// Values of Mail.TLS.
const (
	StartTLS  = "starttls"
	DirectTLS = "tls"
	NoTLS     = "none"
)

// Send sends one mail with all notices.
func (m *Mail) Send(ctx context.Context, list []Notice) error {
	client, err := m.client()
	if err != nil {
		return fmt.Errorf("alert: mail: %w", err)
	}
	msg, err := m.message(list)
	if err != nil {
		return fmt.Errorf("alert: mail: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("alert: mail: %w", err)
	}
	return nil
}

func (m *Mail) client() (*mail.Client, error) {
	host, text, err := net.SplitHostPort(m.Server)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, err
	}
	options := []mail.Option{
		mail.WithPort(port), mail.WithHELO(m.Host), mail.WithTimeout(sendLimit), mail.WithoutNoop(),
		mail.WithTLSConfig(&tls.Config{ServerName: host, RootCAs: m.Roots, MinVersion: tls.VersionTLS12}),
	}
	switch m.TLS {
	case DirectTLS:
		options = append(options, mail.WithSSL())
	case StartTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case NoTLS:
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, errors.New("no mail goes to another machine without TLS")
		}
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		return nil, errors.New("want starttls, tls or none")
	}
	if m.User != "" {
		kind := mail.SMTPAuthAutoDiscover
		if m.TLS == NoTLS {
			kind = mail.SMTPAuthPlainNoEnc
		}
		options = append(options, mail.WithSMTPAuth(kind), mail.WithUsername(m.User), mail.WithPassword(m.Password))
	}
	return mail.NewClient(host, options...)
}

// message is one mail. The same notices make a mail with the same message id.
func (m *Mail) message(list []Notice) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(m.From); err != nil {
		return nil, err
	}
	if err := msg.To(m.To...); err != nil {
		return nil, err
	}
	worst := list[0]
	var body strings.Builder
	for i, n := range list {
		if n.Severity.Above(worst.Severity) {
			worst = n
		}
		if i > 0 {
			body.WriteString("\n----\n\n")
		}
		if len(list) > 1 {
			body.WriteString(n.Subject + "\n\n")
		}
		body.WriteString(n.Body)
	}
	subject := plain(worst.Subject)
	if more := len(list) - 1; more > 0 {
		subject += fmt.Sprintf(" (and %d more)", more)
	}
	msg.Subject(subject)
	msg.SetMessageIDWithValue(list[0].ID + "@" + m.Host)
	msg.SetDateWithValue(list[len(list)-1].At)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, body.String())
	return msg, nil
}
