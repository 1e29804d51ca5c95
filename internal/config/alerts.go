package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/fault"
)

// Alerts are the rules about what is wrong, and who is told (OPS-070, OPS-071).
type Alerts struct {
	CloseAfter Duration `yaml:"close_after,omitempty" doc:"An alert closes when its reason has been gone for that long." default:"5m"`
	Off        []string `yaml:"off,omitempty" doc:"Rules that are switched off, by their names."`

	NotReady struct {
		After Duration `yaml:"after,omitempty" doc:"A server has taken no messages for that long: page." default:"2m"`
	} `yaml:"not_ready,omitempty"`
	Disk struct {
		Warn int `yaml:"warn,omitempty" doc:"Per cent of a disk that are used: warn." default:"75"`
		Page int `yaml:"page,omitempty" doc:"Per cent of a disk that are used: page; so is too little space for messages." default:"90"`
	} `yaml:"disk,omitempty"`
	SendFailed struct {
		Percent int `yaml:"percent,omitempty" doc:"More than so many per cent of the documents of an hour were given up: page. Each alone is an info." default:"5"`
		Of      int `yaml:"of,omitempty" doc:"From so many documents in the hour on." default:"50"`
	} `yaml:"send_failed,omitempty"`
	SendDelayed struct {
		Warn Duration `yaml:"warn,omitempty" doc:"Age of the oldest unsent document: warn." default:"15m"`
		Page Duration `yaml:"page,omitempty" doc:"Age of the oldest unsent document: page." default:"60m"`
	} `yaml:"send_delayed,omitempty"`
	PeerDown struct {
		After   Duration `yaml:"after,omitempty" doc:"An access point has been left alone for that long because it fails, and" default:"15m"`
		Waiting int      `yaml:"waiting,omitempty" doc:"so many documents wait for it: warn." default:"5"`
	} `yaml:"peer_down,omitempty"`
	SMPDown struct {
		After Duration `yaml:"after,omitempty" doc:"No lookup in SML and SMP was answered for that long: warn." default:"10m"`
	} `yaml:"smp_down,omitempty"`
	ReceiveErrors struct {
		Refusals int `yaml:"refusals,omitempty" doc:"So many messages of one access point were refused in ten minutes: warn." default:"20"`
		Percent  int `yaml:"percent,omitempty" doc:"More than so many per cent of all messages were refused in ten minutes, of 20 at least: warn." default:"20"`
	} `yaml:"receive_errors,omitempty"`
	DeliveryDelayed struct {
		Warn Duration `yaml:"warn,omitempty" doc:"Age of the oldest undelivered document: warn." default:"15m"`
		Page Duration `yaml:"page,omitempty" doc:"Age of the oldest undelivered document: page." default:"60m"`
	} `yaml:"delivery_delayed,omitempty"`
	Clock struct {
		Offset Duration `yaml:"offset,omitempty" doc:"By how much the clock may differ from that of the database: warn." default:"2s"`
		Jump   Duration `yaml:"jump,omitempty" doc:"By how much the clock may jump: warn, for an hour." default:"5s"`
	} `yaml:"clock,omitempty"`

	Channels []AlertChannel `yaml:"channels,omitempty"`
}

// AlertChannel is a way to tell somebody.
type AlertChannel struct {
	Name        string   `yaml:"name" doc:"Name of the channel: small letters, digits and hyphens."`
	Kind        string   `yaml:"kind" doc:"mail or webhook."`
	MinSeverity string   `yaml:"min_severity,omitempty" doc:"info, warn or page: what is less is not told. Left out: warn."`
	Rules       []string `yaml:"rules,omitempty" doc:"Only these rules. Left out: all."`
	Tenants     []string `yaml:"tenants,omitempty" doc:"Only what is about documents of these tenants; default has what concerns all. Left out: all."`

	Server       string   `yaml:"server,omitempty" doc:"mail: host:port of the mail server."`
	TLS          string   `yaml:"tls,omitempty" doc:"mail: starttls, tls (from the first byte) or none, which is for a server on this machine only. Left out: starttls."`
	User         string   `yaml:"user,omitempty" doc:"mail: user name at the server, if it wants one."`
	Password     string   `yaml:"password,omitempty" doc:"mail: its password. Prefer password_file."`
	PasswordFile string   `yaml:"password_file,omitempty" doc:"mail: file whose first line is the password."`
	From         string   `yaml:"from,omitempty" doc:"mail: sender."`
	To           []string `yaml:"to,omitempty" doc:"mail: receivers."`

	URL        string `yaml:"url,omitempty" doc:"webhook: https address to which events are posted; port 443 or 8443 of a public address."`
	Secret     string `yaml:"secret,omitempty" doc:"webhook: what events are signed with, whsec_ and base64 of 24 to 64 bytes. Prefer secret_file."`
	SecretFile string `yaml:"secret_file,omitempty" doc:"webhook: file whose first line is the secret."`
	Internal   bool   `yaml:"internal,omitempty" doc:"webhook: the address may be inside, on any port; no proxy is used."`
}

// Kinds of channels.
const (
	MailChannel    = "mail"
	WebhookChannel = "webhook"
)

// AlertRules lists the names of the rules; a test compares them with those of package alert.
func AlertRules() []string {
	return []string{
		"attention", "certificate_expiry", "clock", "conservation", "delivery_dead", "delivery_delayed", "disk",
		"no_route", "not_ready", "peer_down", "poison", "receive_errors", "rules", "send_delayed", "send_failed",
		"smp_down", "store_failed",
	}
}

// Bounds of channels.
const (
	maxChannels  = 20
	maxReceivers = 50
)

// Least is the least severity that is told.
func (c *AlertChannel) Least() string { return cmp.Or(c.MinSeverity, "warn") }

// Encryption is how the mail server is talked to.
func (c *AlertChannel) Encryption() string { return cmp.Or(c.TLS, "starttls") }

func channelKey(i int, key string) string { return fmt.Sprintf("alerts.channels[%d].%s", i, key) }

// AlertFault is an error about a key of a channel. The value is not quoted.
func (c *Config) AlertFault(i int, key string, err error) error {
	return c.Fault(fault.ConfigInvalid, err, channelKey(i, key), "it cannot be used")
}

// AlertSecret returns the password or secret of a channel.
func (c *Config) AlertSecret(i int) (string, error) {
	ch := &c.Alerts.Channels[i]
	key, file := "password_file", ch.PasswordFile
	if ch.Kind == WebhookChannel {
		key, file = "secret_file", ch.SecretFile
	}
	if file == "" {
		return ch.Password + ch.Secret, nil
	}
	text, err := ReadPassword(c.Path(file))
	if err != nil {
		return "", c.AlertFault(i, key, err)
	}
	return text, nil
}

// checkAlerts checks the rules and the channels.
func (c *Config) checkAlerts(env certs.Environment, bad complain) {
	a := &c.Alerts
	checkRules("alerts.off", a.Off, bad)
	for _, p := range [...]struct {
		key        string
		warn, page int64
	}{
		{"disk", int64(a.Disk.Warn), int64(a.Disk.Page)},
		{"send_delayed", int64(a.SendDelayed.Warn), int64(a.SendDelayed.Page)},
		{"delivery_delayed", int64(a.DeliveryDelayed.Warn), int64(a.DeliveryDelayed.Page)},
	} {
		if p.warn > p.page {
			bad("alerts."+p.key+".warn", "want at most alerts.%s.page", p.key)
		}
	}
	if n := len(a.Channels); n > maxChannels {
		bad("alerts.channels", "want at most %d channels, have %d", maxChannels, n)
	}
	seen := map[string]bool{}
	for i := range a.Channels {
		c.checkChannel(i, env, seen, bad)
	}
}

func (c *Config) checkChannel(i int, env certs.Environment, seen map[string]bool, bad complain) {
	ch := &c.Alerts.Channels[i]
	wrong := func(key, format string, args ...any) { bad(channelKey(i, key), format, args...) }
	if !tenantForm.MatchString(ch.Name) || seen[ch.Name] {
		wrong("name", "want a name of its own, of small letters, digits and hyphens, have %q", ch.Name)
	}
	seen[ch.Name] = true
	if !slices.Contains([]string{"info", "warn", "page"}, ch.Least()) {
		wrong("min_severity", "want info, warn or page, have %q", ch.MinSeverity)
	}
	checkRules(channelKey(i, "rules"), ch.Rules, bad)
	for k, name := range ch.Tenants {
		if !c.HasTenant(name) {
			bad(fmt.Sprintf("%s[%d]", channelKey(i, "tenants"), k), "%q is not among the tenants", name)
		}
	}
	switch ch.Kind {
	case MailChannel:
		checkMail(ch, wrong)
	case WebhookChannel:
		checkWebhook(ch, env, wrong)
	default:
		wrong("kind", "want mail or webhook, have %q", ch.Kind)
	}
}

func checkRules(path string, list []string, bad complain) {
	all := AlertRules()
	for k, name := range list {
		if !slices.Contains(all, name) {
			bad(fmt.Sprintf("%s[%d]", path, k), "there is no rule %q; they are %s", name, strings.Join(all, ", "))
		}
	}
}

func checkMail(ch *AlertChannel, wrong complain) {
	host, _, _ := net.SplitHostPort(ch.Server)
	switch {
	case !server(ch.Server):
		wrong("server", "want host:port of a mail server, have %q", ch.Server)
	case !slices.Contains([]string{"starttls", "tls", "none"}, ch.Encryption()):
		wrong("tls", "want starttls, tls or none, have %q", ch.TLS)
	case ch.TLS == "none" && !loopback(host):
		wrong("tls", "none is for a mail server on this machine only, and %q is not", host)
	case ch.Password != "" && ch.PasswordFile != "":
		wrong("password", "give either password or password_file")
	case ch.User == "" && ch.Password+ch.PasswordFile != "":
		wrong("user", "a password without a user")
	case ch.URL+ch.Secret+ch.SecretFile != "" || ch.Internal:
		wrong("kind", "url, secret and internal are keys of a webhook")
	}
	if len(ch.To) == 0 || len(ch.To) > maxReceivers {
		wrong("to", "want 1 to %d receivers, have %d", maxReceivers, len(ch.To))
	}
	for _, text := range append([]string{ch.From}, ch.To...) {
		if a, err := mail.ParseAddress(text); err != nil || a.Address != text {
			wrong("to", "from and to: want mail addresses like ops@example.org, have %q", text)
		}
	}
}

func checkWebhook(ch *AlertChannel, env certs.Environment, wrong complain) {
	if err := checkWebhookURL(ch, env); err != nil {
		wrong("url", "%v", err)
	}
	switch {
	case ch.Secret != "" && ch.SecretFile != "":
		wrong("secret", "give either secret or secret_file")
	case ch.Secret == "" && ch.SecretFile == "":
		wrong("secret_file", "events are signed: name a file with whsec_ and base64 of 32 random bytes")
	case ch.Server+ch.TLS+ch.User+ch.Password+ch.PasswordFile+ch.From != "" || len(ch.To) > 0:
		wrong("kind", "server, tls, user, password, from and to are keys of mail")
	}
}

// checkWebhookURL checks what can be seen of an address; where it leads is checked when it is connected to (API-095).
// It may hold a secret and is not quoted.
func checkWebhookURL(ch *AlertChannel, env certs.Environment) error {
	u, err := url.Parse(ch.URL)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.User != nil || u.Fragment != "":
		return errors.New("want an https address without user and fragment")
	case u.Scheme == "http" && loopback(u.Hostname()) && (env == certs.Local || ch.Internal):
		return nil
	case u.Scheme != "https":
		return errors.New("want an https address; http only to this machine, in local or with internal")
	case !ch.Internal && env != certs.Local && !slices.Contains([]string{"", "443", "8443"}, u.Port()):
		return errors.New("want port 443 or 8443; others with internal")
	}
	return nil
}
