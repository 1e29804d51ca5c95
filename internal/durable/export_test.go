package durable

// WriteFileIn and MkdirAllIn are WriteFile and MkdirAll for tests that put a file system in between.
var (
	WriteFileIn = writeFile
	MkdirAllIn  = mkdirAll
)
