package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/postgres"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/durable"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
)

// identityName is the file in a data folder that contains its id and the database it belongs to.
const identityName = "identity.json"

// Identity identifies a data folder.
type Identity struct {
	Folder       string `json:"folder"`
	Installation string `json:"installation"` // of the database; "" before the first start
	Mark         int64  `json:"mark"`         // the highest of the database: one with a lower mark is an older copy
}

// Data is the record of a node and the payloads that belong to it.
type Data struct {
	Store *store.Store
	Files *blob.Dir
	dir   string
	spool string
}

// openData opens record and payloads, and refuses them if they do not belong together. A folder that was never used
// joins the database if join is set, because then payloads will be stored there.
func openData(ctx context.Context, cfg *config.Config, opts db.Options, files blob.Options, join bool) (
	*Data, error,
) {
	d, err := openStrangers(ctx, cfg, opts, files)
	if err != nil {
		return nil, err
	}
	if err := d.meet(ctx, join); err != nil {
		return nil, errors.Join(err, d.Store.Close())
	}
	return d, nil
}

// OpenData opens record and payloads even if they do not belong together, for inspecting and repairing them.
func OpenData(ctx context.Context, cfg *config.Config) (*Data, error) {
	return openStrangers(ctx, cfg, db.Options{}, blob.Options{})
}

func openStrangers(ctx context.Context, cfg *config.Config, opts db.Options, files blob.Options) (*Data, error) {
	dir, blobs, spool, err := cfg.Folders()
	if err != nil {
		return nil, err
	}
	return openFolders(ctx, cfg, &Data{dir: dir, spool: spool}, blobs, opts, files)
}

// openFolders opens the record and the payloads of folders that are there.
func openFolders(ctx context.Context, cfg *config.Config, d *Data, blobs string, opts db.Options,
	files blob.Options,
) (*Data, error) {
	dir := d.dir
	mine, err := d.identity()
	if err != nil {
		return nil, fault.New(fault.FolderUnusable, err, "%s", dir)
	}
	if d.Files, err = blob.OpenDir(blobs, files); err != nil {
		return nil, fault.New(fault.FolderUnusable, err, "%s", blobs)
	}
	opts.Used = opts.Used || mine.Installation != "" // create no tables in an empty database: its address is a mistake
	if d.Store, err = openStore(ctx, cfg, dir, opts); err == nil {
		d.Store.TellC1(cfg.Notify.Folder != "")
	}
	switch {
	case errors.Is(err, db.ErrEmpty):
		return nil, fault.New(fault.WrongDatabase, err, "%s belongs to installation %s, and the database is empty",
			dir, mine.Installation)
	case errors.Is(err, db.ErrNewerSchema), errors.Is(err, db.ErrInUse):
		return nil, fault.New(fault.DatabaseVersion, err, "")
	case err != nil:
		return nil, fault.New(fault.DatabaseUnusable, err, "")
	}
	return d, nil
}

func openStore(ctx context.Context, cfg *config.Config, dir string, opts db.Options) (*store.Store, error) {
	if cfg.Database != "" {
		return store.Open(postgres.Open(ctx, cfg.Database, opts))
	}
	file := filepath.Join(dir, databaseName)
	if _, err := os.Stat(file); opts.Used && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", db.ErrEmpty, err) // SQLite would create it
	}
	return store.Open(sqlite.Open(ctx, file, opts))
}

// connect asks the configured database whether this program and the data folder can work with it, and changes nothing.
// ready says that it can be opened as it is.
func connect(ctx context.Context, cfg *config.Config) (ready bool, err error) {
	var seen db.Seen
	dir := cfg.Path(cfg.Data)
	if cfg.Database != "" {
		seen, err = postgres.Look(ctx, cfg.Database)
	} else {
		seen, err = sqlite.Look(ctx, filepath.Join(dir, databaseName))
	}
	if err != nil {
		return false, cfg.Fault(fault.DatabaseUnusable, err, "database", "it does not answer as it should")
	}
	known, err := db.Schema()
	if err != nil {
		return false, err
	}
	if seen.Oldest > known {
		return false, cfg.Fault(fault.DatabaseVersion, nil, "database", "it has schema %d, this program knows %d",
			seen.Schema, known)
	}
	mine, err := (&Data{dir: dir}).identity()
	if err != nil {
		return false, cfg.Fault(fault.FolderUnusable, err, "data", "%s", dir)
	}
	if seen.Schema != 0 && seen.Schema != known || mine.Installation == "" {
		return false, nil // its first start brings it up to date, or makes them belong together
	}
	if reason := mine.strangerTo(&seen.Installation); reason != "" {
		return false, cfg.Fault(fault.WrongDatabase, nil, "data", "%s: %s", dir, reason)
	}
	return true, nil
}

// OpenStore opens the record alone, for commands that need nothing else.
func OpenStore(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	d, err := openData(ctx, cfg, db.Options{}, blob.Options{}, false)
	if err != nil {
		return nil, err
	}
	return d.Store, nil
}

// OpenDesk opens what is on record for who looks documents up or decides about them, beside a server or without one. It
// makes no folder, file or table: where nothing was ever recorded that is what it says. close gives everything back.
func OpenDesk(ctx context.Context, cfg *config.Config) (desk *documents.Desk, close func() error, err error) {
	d, err := OpenRecord(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	return d.desk(time.Now), d.Store.Close, nil
}

// OpenRecord opens the record and its payloads as OpenDesk does.
func OpenRecord(ctx context.Context, cfg *config.Config) (*Data, error) {
	d := &Data{dir: cfg.Path(cfg.Data)}
	blobs := filepath.Join(d.dir, "blobs")
	if _, err := os.Stat(blobs); err != nil {
		return nil, nothingYet(err, d.dir)
	}
	if _, err := os.Stat(filepath.Join(d.dir, databaseName)); cfg.Database == "" && err != nil {
		return nil, nothingYet(err, d.dir)
	}
	d, err := openFolders(ctx, cfg, d, blobs, db.Options{Used: true}, blob.Options{})
	if err != nil {
		return nil, err
	}
	if err := d.meet(ctx, false); err != nil {
		return nil, errors.Join(err, d.Store.Close())
	}
	return d, nil
}

// nothingYet tells a record that was never begun from one that cannot be read.
func nothingYet(err error, dir string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NothingRecorded, nil, "%s", dir)
	}
	return fault.New(fault.FolderUnusable, err, "%s", dir)
}

// desk makes the desk of the folder's record.
func (d *Data) desk(now func() time.Time) *documents.Desk {
	return &documents.Desk{Tenant: db.DefaultTenant, Store: d.Store, Blobs: d.blobs(), Now: now, Alone: d.alone}
}

// inlineMax is the largest payload that the record keeps itself; what is longer never passes through the database
// (D-04).
const inlineMax = 64 << 10

// blobs reads and writes payloads in the folder, and small ones in the record.
func (d *Data) blobs() blob.Store {
	inline := func(ctx context.Context, messageID, name string) ([]byte, error) {
		return d.Store.Inline(ctx, messageID, name)
	}
	return &blob.Mixed{Large: d.Files, Max: inlineMax, Read: inline}
}

// databaseName is the file of an SQLite database in its data folder.
const databaseName = "ravn.db"

// identity reads the identity of the folder; it is zero if the folder was never used.
func (d *Data) identity() (id Identity, err error) {
	text, err := os.ReadFile(filepath.Join(d.dir, identityName))
	if errors.Is(err, fs.ErrNotExist) {
		return id, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &id)
	}
	if err == nil && id.Folder == "" {
		err = errors.New("it names no folder")
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", identityName, err)
	}
	return id, err
}

func (d *Data) save(id Identity) error {
	text, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(d.dir, identityName), 0o600, durable.Bytes(append(text, '\n')))
}

// createIdentity gives a new folder its id. If two processes do so at once, one is faster and both read what it wrote.
func (d *Data) createIdentity() (Identity, error) {
	t, err := durable.Create(durable.OS{}, d.dir, identityName, 0o600)
	if err != nil {
		return Identity{}, err
	}
	defer t.Discard()
	if err := json.NewEncoder(t).Encode(Identity{Folder: db.NewID()}); err != nil {
		return Identity{}, err
	}
	if err := t.PublishNew(filepath.Join(d.dir, identityName)); err != nil && !errors.Is(err, fs.ErrExist) {
		return Identity{}, err
	}
	if err := durable.SyncDir(durable.OS{}, d.dir); err != nil {
		return Identity{}, err
	}
	return d.identity()
}

// place says where the folder is, in a form for people.
func (d *Data) place() string {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	return host + ":" + d.dir
}

// meet makes sure that folder and database belong together. A folder that was never used may join, unless it contains
// payloads that the database does not know.
func (d *Data) meet(ctx context.Context, join bool) error {
	mine, err := d.identity()
	if err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", d.dir)
	}
	if mine.Installation == "" {
		if err := d.familiar(ctx); err != nil || !join {
			return err
		}
		return d.join(ctx, mine, false, db.Audit{})
	}
	return d.recognise(ctx, mine)
}

// recognise refuses a database that is not the folder's own.
func (d *Data) recognise(ctx context.Context, mine Identity) error {
	theirs, err := d.Store.Installation(ctx)
	if err != nil {
		return fault.New(fault.DatabaseUnusable, err, "")
	}
	if reason := mine.strangerTo(&theirs); reason != "" {
		return fault.New(fault.WrongDatabase, nil, "%s: %s", d.dir, reason)
	}
	return nil
}

// strangerTo returns why a folder does not belong to a database, "" if it does.
func (id Identity) strangerTo(in *db.Installation) string {
	f, member := in.Folder(id.Folder)
	switch {
	case in.ID == "":
		return fmt.Sprintf("the folder belongs to installation %s, and the database was never used", id.Installation)
	case in.ID != id.Installation:
		return fmt.Sprintf("the folder belongs to installation %s, the database is installation %s",
			id.Installation, in.ID)
	case !member:
		return "the database does not know the folder: it is an older copy, or the folder was given up"
	case f.Mark < id.Mark:
		return fmt.Sprintf("the database is older than what the folder has seen: it has mark %d, the folder %d",
			f.Mark, id.Mark)
	}
	return ""
}

// familiarSample is how many payloads of a folder without identity are looked up.
const familiarSample = 1000

// familiar looks up payloads of a folder that has no identity yet. An installation from before identities existed gets
// one at its first start, but not with a database that does not know its payloads.
func (d *Data) familiar(ctx context.Context) error {
	var keys []string
	for key, err := range d.Files.Keys(ctx, time.Time{}) {
		if err != nil {
			return fault.New(fault.FolderUnusable, err, "%s", d.dir)
		}
		if keys = append(keys, key); len(keys) == familiarSample {
			break
		}
	}
	uses, err := d.Store.BlobUses(ctx, keys)
	if err != nil {
		return fault.New(fault.DatabaseUnusable, err, "")
	}
	unknown := 0
	for _, use := range uses {
		if use == store.BlobUnknown {
			unknown++
		}
	}
	if unknown > 0 && (unknown == len(keys) || tooMany(unknown, len(keys))) {
		return fault.New(fault.WrongDatabase, nil,
			"%s: the database does not know %d of %d payloads that were looked up",
			d.dir, unknown, len(keys))
	}
	return nil
}

// join makes the folder belong to the database, whatever it belonged to before.
func (d *Data) join(ctx context.Context, mine Identity, only bool, audit db.Audit) (err error) {
	if mine.Folder == "" {
		if mine, err = d.createIdentity(); err != nil {
			return fault.New(fault.FolderUnusable, err, "%s", d.dir)
		}
	}
	folder := db.DataFolder{ID: mine.Folder, Place: d.place(), Mark: mine.Mark}
	if mine.Installation, err = d.Store.JoinFolder(ctx, folder, only, audit); err != nil {
		return fault.New(fault.DatabaseUnusable, err, "")
	}
	if err := d.save(mine); err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", d.dir)
	}
	return nil
}

// Adopt makes the folder belong to the database, whatever it belonged to before, because an operator says that this is
// right. With only, no other folder belongs to the database any more. The decision is audited.
func (d *Data) Adopt(ctx context.Context, actor string, only bool) error {
	was, err := d.identity()
	if err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", d.dir)
	}
	detail := fmt.Sprintf("before: installation %q, folder %q, mark %d; only folder: %v",
		was.Installation, was.Folder, was.Mark, only)
	return d.join(ctx, was, only, db.Audit{Actor: actor, Action: "data_adopted", Subject: d.place(), Detail: detail})
}

// mark raises the mark of the folder on both sides, after checking that the database is still the right one: it may
// have been replaced while the server is running.
func (d *Data) mark(ctx context.Context) error {
	mine, err := d.identity()
	if err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", d.dir)
	}
	if err := d.recognise(ctx, mine); err != nil {
		return err
	}
	if mine.Mark, err = d.Store.MarkFolder(ctx, mine.Folder); err != nil {
		return fault.New(fault.DatabaseUnusable, err, "")
	}
	if err := d.save(mine); err != nil {
		return fault.New(fault.FolderUnusable, err, "%s", d.dir)
	}
	return nil
}
