package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/explain"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/textfile"
)

// openFlags are the flags of open.
type openFlags struct {
	keys, certs, anchors   []string
	password, passwordFile string
	at, request, payload   string
}

func (c *cli) open() *cobra.Command {
	var f openFlags
	cmd := &cobra.Command{
		Use: "open FILE", Short: "Explain a captured AS4 message layer by layer",
		Long: "Explain a captured AS4 message: an HTTP request or response as transmitted, or only its body.\n" +
			"Each layer is shown with what was verified and what was not. Each error is shown with the rule it " +
			"breaks.\n\n" +
			"Exit codes: 0 the message was read and its signature is valid, or it is an unsigned error; 1 the " +
			"signature is\n" +
			"not valid, the receipt does not match the request, or the file cannot be read as AS4; 2 usage.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return c.runOpen(&f, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.keys, "key", nil, "key to decrypt with: PEM file with key and certificate, PEM file with "+
		"the key (then --cert), or PKCS#12; repeatable")
	fl.StringArrayVar(&f.certs, "cert", nil, "PEM file with the certificate of a key; repeatable")
	fl.StringVar(&f.password, "password", "",
		"password of PKCS#12 files; visible to other users of the machine, prefer --password-file")
	fl.StringVar(&f.passwordFile, "password-file", "", "file whose first line is the password")
	fl.StringArrayVar(&f.anchors, "anchors", nil,
		"PEM file with access point CAs to trust in addition to Peppol's; repeatable")
	fl.StringVar(&f.at, "at", "", "check certificates and age as of this time (RFC 3339) instead of now")
	fl.StringVar(&f.request, "request", "", "captured request that the receipt answers: check whether they match")
	fl.StringVar(&f.payload, "payload", "", "write the decrypted and verified StandardBusinessDocument to this file")
	return cmd
}

func (c *cli) runOpen(f *openFlags, file string) error {
	opt, err := f.options()
	if err != nil {
		return err
	}
	input, err := os.ReadFile(file)
	if err != nil {
		return fault.New(fault.BadArguments, err, "")
	}
	out, err := newPayloadFile(f.payload)
	if err != nil {
		return err
	}
	opt.Payload = out.writer()
	report, err := explain.Explain(input, opt)
	whole := report.Payload != nil && report.Payload.Complete
	if err := errors.Join(err, out.finish(whole)); err != nil {
		return fault.New(fault.BadArguments, err, "--payload")
	}
	if f.payload != "" && !whole {
		fmt.Fprintf(c.err, "%s was not written: there is no payload that was decrypted, verified and complete\n",
			f.payload)
	}
	c.exit = report.Verdict.Exit()
	if c.json {
		return c.print(report, "")
	}
	return report.WriteText(c.out)
}

// options converts the flags to options.
func (f *openFlags) options() (explain.Options, error) {
	var opt explain.Options
	var err error
	if f.at != "" {
		if opt.At, err = time.Parse(time.RFC3339, f.at); err != nil {
			return opt, badArgs("--at wants a time like 2026-11-21T12:00:00Z")
		}
	}
	if len(f.anchors) > 0 {
		text, err := readAll(f.anchors)
		if err != nil {
			return opt, fault.New(fault.AnchorsUnreadable, err, "")
		}
		if opt.Anchors, err = certs.ParseAnchors(text); err != nil {
			return opt, fault.New(fault.AnchorsUnreadable, err, "")
		}
	}
	if f.request != "" {
		if opt.Request, err = os.ReadFile(f.request); err != nil {
			return opt, fault.New(fault.BadArguments, err, "--request")
		}
	}
	opt.Keys, err = f.keyring()
	return opt, err
}

// readAll concatenates files: an issuing CA and the CA above it may be in two files.
func readAll(files []string) ([]byte, error) {
	var all []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all = append(append(all, text...), '\n')
	}
	return all, nil
}

// keyring reads the keys.
func (f *openFlags) keyring() (*certs.Keyring, error) {
	password := f.password
	if f.passwordFile != "" {
		var err error
		if password, err = config.ReadPassword(f.passwordFile); err != nil {
			return nil, fault.New(fault.BadArguments, err, "--password-file")
		}
	}
	var ids []*certs.Identity
	for _, file := range f.keys {
		id, err := f.key(file, password)
		switch {
		case errors.Is(err, certs.ErrPassword):
			return nil, fault.New(fault.PasswordWrong, err, "%s", file)
		case err != nil:
			return nil, fault.New(fault.KeyUnreadable, err, "%s", file)
		}
		ids = append(ids, id)
	}
	return certs.NewKeyring(ids...), nil
}

// key reads one key file. A PEM file without a certificate needs one from --cert.
func (f *openFlags) key(file, password string) (*certs.Identity, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(textfile.Clean(text)); block == nil {
		return certs.ParseP12(text, password)
	}
	if bytes.Contains(text, []byte("-----BEGIN CERTIFICATE-----")) {
		return certs.LoadPEM(file, file)
	}
	err = errors.New("the file holds no certificate: give it with --cert")
	for _, cert := range f.certs {
		var id *certs.Identity
		if id, err = certs.LoadPEM(cert, file); err == nil {
			return id, nil
		}
	}
	return nil, err
}

// payloadFile is a file that appears only when it is complete.
type payloadFile struct {
	path string
	tmp  *durable.Temp
}

// newPayloadFile begins the file; without a path nothing is written.
func newPayloadFile(path string) (*payloadFile, error) {
	p := &payloadFile{path: path}
	if path == "" {
		return p, nil
	}
	var err error
	if p.tmp, err = durable.Create(durable.OS{}, filepath.Dir(path), filepath.Base(path), 0o600); err != nil {
		return nil, fault.New(fault.BadArguments, err, "--payload")
	}
	return p, nil
}

func (p *payloadFile) writer() io.Writer {
	if p.tmp == nil {
		return nil
	}
	return p.tmp
}

// finish gives the file its name if its content is complete, and otherwise removes it.
func (p *payloadFile) finish(complete bool) error {
	if p.tmp == nil {
		return nil
	}
	defer p.tmp.Discard()
	if !complete {
		return nil
	}
	if err := p.tmp.Publish(p.path); err != nil {
		return err
	}
	return durable.SyncDir(durable.OS{}, filepath.Dir(p.path))
}
