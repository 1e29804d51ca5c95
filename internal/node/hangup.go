package node

import (
	"context"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/ravn-ap/ravn/internal/alive"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

// reloadWait is how long a server may take to reload.
const (
	reloadWait = 30 * time.Second
	reloadPoll = 100 * time.Millisecond
	reloadRows = 10_000 // of the audit trail that are looked at
)

// ReloadServers makes the servers that run on the data folder of a configuration read it again, and returns them when
// the record says that each has done so (OPS-122). It can reach only those that run on this host.
func ReloadServers(ctx context.Context, cfg *config.Config) ([]alive.Who, error) {
	if _, err := Check(ctx, cfg, CheckOptions{Now: time.Now(), Server: true}); err != nil {
		return nil, err
	}
	list, err := serversHere(cfg)
	if err != nil {
		return nil, err
	}
	desk, end, err := OpenDesk(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { _ = end() }() // it is only read
	since := time.Now().Add(-time.Second)
	for _, who := range list {
		if err := syscall.Kill(who.Process, syscall.SIGHUP); err != nil {
			return nil, fault.New(fault.NoServer, err, "%s", who)
		}
	}
	return list, awaitReload(ctx, desk.Store, list, since)
}

// serversHere lists the servers on the data folder that a signal reaches.
func serversHere(cfg *config.Config) ([]alive.Who, error) {
	list, err := alive.Living(filepath.Join(cfg.Path(cfg.Data), sqlite.ProcessesDir))
	if err != nil {
		return nil, fault.New(fault.FolderUnusable, err, "%s", cfg.Data)
	}
	me := alive.Self(false, 0, time.Now())
	list = slices.DeleteFunc(list, func(w alive.Who) bool {
		return !w.Server || w.Host != me.Host || w.Space != me.Space
	})
	if len(list) == 0 {
		return nil, fault.New(fault.NoServer, nil, "%s", cfg.Path(cfg.Data))
	}
	return list, nil
}

// awaitReload waits until the audit trail says that each of the servers has reloaded.
func awaitReload(ctx context.Context, s *store.Store, servers []alive.Who, since time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, reloadWait)
	defer cancel()
	for waiting := slices.Clone(servers); ; time.Sleep(reloadPoll) {
		rows, err := s.Audits(ctx, db.DefaultTenant, since, time.Time{}, reloadRows)
		if err != nil && ctx.Err() == nil {
			return fault.New(fault.RecordUnreadable, err, "")
		}
		waiting = slices.DeleteFunc(waiting, func(w alive.Who) bool {
			reloaded := func(a db.Audit) bool { return a.Action == reloadedAction && a.Actor == w.Name }
			return slices.ContainsFunc(rows, reloaded)
		})
		switch {
		case len(waiting) == 0:
			return nil
		case ctx.Err() != nil:
			return fault.New(fault.ReloadUnconfirmed, nil, "%s, after %s", waiting[0], reloadWait)
		}
	}
}
