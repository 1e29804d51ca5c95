package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/fault"
)

// print writes the object as JSON with --json, otherwise the line.
func (c *cli) print(object any, format string, args ...any) error {
	if !c.json {
		_, err := fmt.Fprintf(c.out, format+"\n", args...)
		return err
	}
	enc := json.NewEncoder(c.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(object)
}

// failure is an error in the machine-readable output.
type failure struct {
	OK    bool       `json:"ok"` // false
	Code  fault.Code `json:"code,omitempty"`
	Error string     `json:"error"`
}

// fail shows an error, or each of several: with --json as objects like all other output, otherwise as lines for people.
func (c *cli) fail(err error) {
	for _, e := range flatten(err) {
		if code, _ := faultCode(e); c.json {
			_ = c.print(failure{Code: code, Error: fault.Plain(e)}, "") // there is nowhere else to say it
			continue
		}
		fmt.Fprintln(c.err, fault.Plain(e))
	}
}

// warn shows an error beside the result of a command.
func (c *cli) warn(err error) {
	aside := *c
	aside.out = c.err
	aside.fail(err)
}

// load reads the configuration and checks its values, for commands that need no keys. What opens a node begins with
// config.Load: opening it makes all checks.
func (c *cli) load() (*config.Config, error) {
	cfg, err := config.Load(c.config)
	if err != nil {
		return nil, err
	}
	return cfg, cfg.Check()
}

// logger makes the log of a server: JSON, or readable lines on a terminal (D-17).
func (c *cli) logger(cfg *config.Config) zerolog.Logger {
	level, err := zerolog.ParseLevel(cfg.Log.Level)
	if err != nil {
		level = zerolog.InfoLevel
	}
	console := cfg.Log.Format == "console" || cfg.Log.Format == "" && isatty.IsTerminal(os.Stderr.Fd())
	if console {
		return zerolog.New(zerolog.ConsoleWriter{Out: c.err}).Level(level).With().Timestamp().Logger()
	}
	return zerolog.New(c.err).Level(level).With().Timestamp().Logger()
}

// badArgs returns an error about the arguments of a command.
func badArgs(format string, args ...any) error {
	return fault.New(fault.BadArguments, nil, format, args...)
}

// freePort returns a port of the loopback address that is not in use.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
