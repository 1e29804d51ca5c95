package db

import (
	"context"
	"time"
)

// Installation is who a database is, and which data folders belong to it. Payloads lie in folders, what is known of
// them lies here: the two must not be mixed up, because payloads that no row knows are removed in the end.
type Installation struct {
	ID      string // "" before the first folder joined
	Folders []DataFolder
}

// DataFolder is a data folder that belongs to a database.
type DataFolder struct {
	ID     string    `json:"id"`
	Joined time.Time `json:"joined"`
	Place  string    `json:"place"` // host and path, for people
	Mark   int64     `json:"mark"`  // see MarkFolder
}

// Folder returns the folder with an id.
func (i *Installation) Folder(id string) (DataFolder, bool) {
	for _, f := range i.Folders {
		if f.ID == id {
			return f, true
		}
	}
	return DataFolder{}, false
}

func ScanText(row Row) (text string, err error) {
	err = row.Scan(&text)
	return text, err
}

func scanFolder(row Row) (f DataFolder, err error) {
	var joined int64
	err = row.Scan(&f.ID, &joined, &f.Place, &f.Mark)
	f.Joined = FromMicros(joined)
	return f, err
}

const (
	installationID      = `SELECT id FROM installation`
	installationFolders = `SELECT id, joined, place, mark FROM data_folder ORDER BY joined, id`
)

// Installation reads who the database is.
func (d *DB) Installation(ctx context.Context) (Installation, error) {
	ids, err := ReadAll(ctx, d, "installation", ScanText, installationID)
	if err != nil || len(ids) == 0 {
		return Installation{}, err
	}
	folders, err := ReadAll(ctx, d, "data folders", scanFolder, installationFolders)
	return Installation{ids[0], folders}, err
}

const (
	beInstallation = `INSERT INTO installation (one, id) VALUES (1, ?) ON CONFLICT (one) DO NOTHING`
	joinFolder     = `INSERT INTO data_folder (id, joined, place, mark) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET place = excluded.place,
		mark = CASE WHEN data_folder.mark > excluded.mark THEN data_folder.mark ELSE excluded.mark END`
	leaveOthers = `DELETE FROM data_folder WHERE id <> ?`
	markFolder  = `UPDATE data_folder SET mark = mark + 1 WHERE id = ? RETURNING mark`
)

// JoinFolder makes a folder belong to the database, with the higher of both marks, and returns the id of the
// installation, which the first folder brings about. only means that no other folder does any more. audit, if it has an
// action, is written with it.
func (d *DB) JoinFolder(ctx context.Context, f DataFolder, only bool, audit Audit) (installation string, err error) {
	err = d.Update(ctx, DefaultTenant, func(tx *Tx) error {
		if _, err := tx.Exec(beInstallation, NewID()); err != nil {
			return err
		}
		if _, err := tx.Exec(joinFolder, f.ID, Micros(tx.now), f.Place, f.Mark); err != nil {
			return err
		}
		if only {
			if _, err := tx.Exec(leaveOthers, f.ID); err != nil {
				return err
			}
		}
		if audit.Action != "" {
			if err := tx.Audit(audit); err != nil {
				return err
			}
		}
		installation, err = One(tx, ScanText, installationID)
		return err
	})
	return installation, err
}

// MarkFolder raises the mark of a folder, which the folder then notes as well: a database that has a lower one than its
// folder is an older copy. ErrNotFound means that the folder does not belong to the database.
func (d *DB) MarkFolder(ctx context.Context, id string) (mark int64, err error) {
	err = d.Update(ctx, DefaultTenant, func(tx *Tx) error {
		mark, err = Change(tx, ScanInt, markFolder, id)
		return err
	})
	return mark, err
}
