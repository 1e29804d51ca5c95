// Package arch has no code of its own: its tests hold the import table and the table of requirements.
package arch
