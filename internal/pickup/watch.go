package pickup

import "github.com/fsnotify/fsnotify"

// watch wakes the rounds when the system tells of a new file. It is only a help: on file systems that tell nothing, and
// when too much happens at once, the rounds find the files all the same.
type watch struct {
	*fsnotify.Watcher
	wake chan struct{}
}

// rewatch begins to watch the folder, unless it is being watched.
func (f *Folder) rewatch() {
	if f.watch != nil {
		return
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return
	}
	if w.Add(f.Dir) != nil {
		_ = w.Close() // it watches nothing
		return
	}
	f.watch = &watch{w, make(chan struct{}, 1)}
	go f.watch.run()
}

// run passes on that there is something new, until the watcher is closed.
func (w *watch) run() {
	for {
		select {
		case event, ok := <-w.Events:
			if !ok {
				return
			}
			if !event.Has(fsnotify.Create) {
				continue
			}
		case _, ok := <-w.Errors:
			if !ok {
				return
			}
		}
		select {
		case w.wake <- struct{}{}:
		default: // a wake-up is already pending
		}
	}
}

// woken is nil, on which nothing ever comes, while the folder is not watched.
func (f *Folder) woken() <-chan struct{} {
	if f.watch == nil {
		return nil
	}
	return f.watch.wake
}

func (f *Folder) unwatch() {
	if f.watch != nil {
		_ = f.watch.Close() // it watches nothing any more
		f.watch = nil
	}
}
