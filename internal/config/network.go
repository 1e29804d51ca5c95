package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/smp"
)

// checkNetwork checks the keys of the proxy. What may hold a password is never quoted.
func (c *Config) checkNetwork(bad complain) {
	n := &c.Network
	u, _ := parseProxy(n.Proxy) // Guard says what is wrong with it, and with no_proxy
	if n.Proxy == "" && (n.User != "" || n.Password != "" || n.PasswordFile != "" || len(n.NoProxy) > 0) {
		bad("network.proxy", "it is missing, but other keys of network are set")
	}
	if n.Password != "" && n.PasswordFile != "" {
		bad("network.proxy_password", "give either proxy_password or proxy_password_file")
	}
	if u != nil && u.User != nil && (n.User != "" || n.Password != "" || n.PasswordFile != "") {
		bad("network.proxy", "it has a user, and so have the keys proxy_user and proxy_password: give one of them")
	}
	if u != nil && u.User == nil && n.User == "" && (n.Password != "" || n.PasswordFile != "") {
		bad("network.proxy_user", "a password without a user")
	}
}

// parseProxy reads the address of a proxy; nil for none. The error does not quote it.
func parseProxy(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !server(u.Host) ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("want http://host:port or https://host:port")
	}
	return u, nil
}

// ProxyAddress is the address of the proxy without credentials, "" for none.
func (c *Config) ProxyAddress() string {
	u, err := parseProxy(c.Network.Proxy)
	if err != nil || u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Guard returns what outgoing connections are made by: addresses that the environment allows (SEC-111, D-20), through
// the proxy if there is one (OPS-140). roots are those of TLSRoots.
func (c *Config) Guard(roots *x509.CertPool) (*smp.Guard, error) {
	g := &smp.Guard{Local: c.Env() == certs.Local, Deny: c.Denied()}
	u, err := parseProxy(c.Network.Proxy)
	if err != nil { // never go without the proxy instead
		return nil, c.Fault(fault.ConfigInvalid, nil, "network.proxy", "%v", err)
	}
	if u == nil {
		return g, nil
	}
	n := &c.Network
	g.Proxy = &smp.Proxy{
		Address: net.JoinHostPort(u.Hostname(), u.Port()), TLS: u.Scheme == "https", Roots: roots,
		User: n.User, Password: n.Password,
	}
	if u.User != nil {
		g.Proxy.User = u.User.Username()
		g.Proxy.Password, _ = u.User.Password()
	}
	if n.PasswordFile != "" {
		if g.Proxy.Password, err = ReadPassword(c.Path(n.PasswordFile)); err != nil {
			return nil, c.Fault(fault.ConfigInvalid, err, "network.proxy_password_file", "it cannot be read")
		}
	}
	for i, text := range n.NoProxy {
		e, err := smp.ParseException(text)
		if err != nil {
			return nil, c.Fault(fault.ConfigInvalid, nil, fmt.Sprintf("network.no_proxy[%d]", i), "%v, have %q", err,
				text)
		}
		g.Proxy.Except = append(g.Proxy.Except, e)
	}
	return g, nil
}
