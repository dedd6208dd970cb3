// Package pebble is a store on a local disk: an embedded Pebble database in a
// directory of its own. What it has committed survives the end of the process
// and of the machine; there is one copy, on one disk.
package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	engine "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
)

// DefaultReserve is how many octets of the disk are left free when not told
// otherwise.
const DefaultReserve = 64 << 20

// Options say how a Store works. The zero value is right for most.
type Options struct {
	// KeepText keeps the text and the TLVs of messages in their history, until
	// PruneText. Otherwise they go with the final state.
	KeepText bool
	// Reserve is how many octets of the disk are left free: with less, new
	// messages are refused with store.ErrFull while all others go on, so that what
	// is there can be brought to its end. Zero: DefaultReserve; negative: none.
	Reserve int64
	// Cache is how many octets of memory hold blocks of the database. Zero: 32 MiB.
	Cache int64
	// ReadOnly opens a database to look at it. Commit and Prune fail.
	ReadOnly bool
	// FS is the file system; nil is that of the machine.
	FS vfs.FS

	Logger *slog.Logger // nil: slog.Default()
}

// A Store is a store in a directory. Only one at a time can have it open.
//
// One goroutine commits: all that waits goes into one write and one sync of the
// log, so that many who commit at once share the cost. When the disk fails, the
// store stops committing for good: every call says why, and nothing is
// acknowledged that is not on the disk.
type Store struct {
	db     *engine.DB
	dir    string
	opt    Options
	fs     vfs.FS
	log    *slog.Logger
	cache  *engine.Cache
	room   atomic.Bool  // the disk has more than the reserve left
	full   atomic.Bool  // the log says that it has not
	keeps  atomic.Bool  // see Options.KeepText
	kept   atomic.Bool  // there may be texts of a time when they were kept
	free   atomic.Int64 // see Options.Reserve
	fault  atomic.Pointer[error]
	stop   chan struct{}
	worker sync.WaitGroup

	mu     sync.Mutex
	queue  []*request
	wake   chan struct{}
	closed bool
	users  sync.WaitGroup // calls that read the database

	// of the committer
	epochs map[int]uint64
	recent map[int]*recent // by shard
	slab   slab
	groups atomic.Uint64
	ops    atomic.Uint64
}

var _ store.Store = (*Store)(nil)

// The keys. Numbers are big-endian, so that they sort.
const (
	keyLive    = 'l' // id: the record of a live message
	keyHistory = 'h' // id: the facts of a final one
	keyText    = 't' // id: its content, if that is kept
	keyEnd     = 'x' // time of the end, id: nothing
	keyAlias   = 'a' // alias: id
	keyEpoch   = 'e' // shard: epoch
	keyMeta    = 'm' // name: value
	keyNote    = 'n' // key of a note: its value
)

var (
	metaForm = []byte{keyMeta, 'f'} // of the keys and values
	metaText = []byte{keyMeta, 't'} // text of messages that ended before this is gone
)

// form is that of the database. A newer one is refused.
const form = 1

// Open opens the database in a directory, or makes one. The error says what
// stands in the way: another process that has it open, a newer version, or the
// disk.
func Open(dir string, o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Cache <= 0 {
		o.Cache = 32 << 20
	}
	s := &Store{
		dir: dir, opt: o, fs: o.FS, log: o.Logger.With("store", dir), stop: make(chan struct{}), wake: make(chan struct{}, 1),
		epochs: make(map[int]uint64), recent: make(map[int]*recent),
	}
	if s.fs == nil {
		s.fs = vfs.Default
	}
	if o.ReadOnly {
		if _, err := s.fs.Stat(s.fs.PathJoin(dir, "CURRENT")); err != nil {
			if names, _ := s.fs.List(dir); !hasManifest(names) {
				return nil, fmt.Errorf("store: %s holds no messages of a message center", dir)
			}
		}
	} else if err := s.fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s.Set(o.KeepText, o.Reserve)
	s.cache = engine.NewCache(o.Cache)
	defer s.cache.Unref()
	db, err := engine.Open(dir, s.engineOptions())
	if err != nil {
		return nil, openError(dir, err)
	}
	s.db = db
	if err := s.checkForm(); err != nil {
		_ = db.Close()
		return nil, err
	}
	s.lookAround()
	if !o.ReadOnly {
		s.worker.Go(s.commits)
		s.worker.Go(s.watch)
	}
	return s, nil
}

func hasManifest(names []string) bool {
	for _, name := range names {
		if strings.HasPrefix(name, "MANIFEST-") {
			return true
		}
	}
	return false
}

func openError(dir string, err error) error {
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) && lockedElsewhere(err) || strings.Contains(err.Error(), "lock held by current process") {
		return fmt.Errorf("store: %s is in use: another message center runs on it, or a tool that looks at it; stop that first, or choose another directory (%w)", dir, err)
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("store: %s: this user may not write there: %w", dir, err)
	}
	if strings.Contains(err.Error(), "format major version") {
		return fmt.Errorf("store: %s was written by a newer version of this program; use that one, or another directory (%w)", dir, err)
	}
	return fmt.Errorf("store: open %s: %w", dir, err)
}

// lockedElsewhere tells a lock that somebody else holds from a directory that
// must not be written.
func lockedElsewhere(err error) bool {
	var e *os.PathError
	return !errors.As(err, &e) || filepath.Base(e.Path) == "LOCK" && e.Op != "open"
}

func (s *Store) engineOptions() *engine.Options {
	o := &engine.Options{
		FS:                          s.fs,
		Cache:                       s.cache,
		FormatMajorVersion:          engine.FormatNewest,
		MemTableSize:                32 << 20,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       64,
		MaxOpenFiles:                500,
		ReadOnly:                    s.opt.ReadOnly,
		Logger:                      engineLog{s},
	}
	o.EventListener = &engine.EventListener{
		BackgroundError: func(err error) { s.log.Error("the disk or the database has trouble", "error", err) },
		DataCorruption:  func(i engine.DataCorruptionInfo) { s.log.Error("the database is damaged", "error", i.Details) },
	}
	return o
}

// engineLog is the log of the engine: what ends it ends the store, not the
// process.
type engineLog struct{ s *Store }

func (l engineLog) Infof(string, ...any) {}

func (l engineLog) Errorf(format string, args ...any) {
	l.s.log.Error("database: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (l engineLog) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.s.fail(err)
	panic(err)
}

// fail makes the store refuse to commit from now on.
func (s *Store) fail(err error) {
	err = fmt.Errorf("store: the disk of %s has failed: %w", s.dir, err)
	if s.fault.CompareAndSwap(nil, &err) {
		s.log.Error("nothing can be stored any more; mend the disk and start again", "error", err)
	}
}

// Err returns nil, or why nothing can be committed any more.
func (s *Store) Err() error {
	if p := s.fault.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Store) checkForm() error {
	v, closer, err := s.db.Get(metaForm)
	switch {
	case errors.Is(err, engine.ErrNotFound):
		if s.opt.ReadOnly {
			return nil
		}
		if err := s.db.Set(metaForm, binary.AppendUvarint(nil, form), engine.Sync); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("store: %w", err)
	}
	defer closer.Close()
	if n, size := binary.Uvarint(v); size <= 0 || n > form {
		return fmt.Errorf("store: %s was written by a newer version of this program (form %d; this one knows %d): use that one, or another directory", s.dir, n, form)
	}
	return nil
}

// Set puts another KeepText and Reserve in the place of those of the Options.
// KeepText is for messages that end from then on; without it, PruneText forgets
// what was kept before. It may be called concurrently.
func (s *Store) Set(keepText bool, reserve int64) {
	if reserve == 0 {
		reserve = DefaultReserve
	}
	s.free.Store(reserve)
	if s.keeps.Swap(keepText) && !keepText {
		s.kept.Store(true)
	}
}

// watch keeps an eye on the room that the disk has.
func (s *Store) watch() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			s.lookAround()
		}
	}
}

func (s *Store) lookAround() {
	enough := true
	reserve := s.free.Load()
	if reserve > 0 {
		if u, err := s.fs.GetDiskUsage(s.dir); err == nil {
			enough = u.AvailBytes > uint64(reserve)
		}
	}
	s.room.Store(enough)
	switch full := s.full.Swap(!enough); {
	case !full && !enough:
		s.log.Error("the disk is full: new messages are refused until there is room", "reserve", reserve)
	case full && enough:
		s.log.Info("the disk has room again: new messages are taken")
	}
}

// enter begins a call that uses the database; leave ends it.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.users.Add(1)
	return nil
}

func (s *Store) leave() { s.users.Done() }

// Close waits for what is being committed, and closes the database.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.stop)
	s.worker.Wait()
	s.users.Wait()
	if s.Err() != nil {
		return nil // the engine may hold locks for ever: what is on the disk is all that can be had
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}

func idKey(space byte, id message.ID) []byte {
	return binary.BigEndian.AppendUint64([]byte{space}, uint64(id))
}

func endKey(at time.Time, id message.ID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte{keyEnd}, uint64(at.UnixNano())), uint64(id))
}

func aliasKey(alias string) []byte { return append([]byte{keyAlias}, alias...) }

// shardBounds returns the first key of a shard in a space, and the first after
// it.
func shardBounds(space byte, shard int) (from, to []byte) {
	first := message.FirstID(shard)
	if shard == message.MaxShard {
		return idKey(space, first), []byte{space + 1}
	}
	return idKey(space, first), idKey(space, message.FirstID(shard+1))
}

func (s *Store) get(key []byte, fn func([]byte) error) error {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, engine.ErrNotFound) {
		return store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer closer.Close()
	return fn(v)
}

// Get returns a message.
func (s *Store) Get(_ context.Context, id message.ID) (m *message.Message, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	parse := func(v []byte) (err error) {
		m, err = message.ParseRecord(v)
		return err
	}
	err = s.get(idKey(keyLive, id), parse)
	if errors.Is(err, store.ErrNotFound) {
		if err = s.get(idKey(keyHistory, id), parse); err == nil {
			err = s.get(idKey(keyText, id), func(v []byte) error { return m.SetContent(v) })
			if errors.Is(err, store.ErrNotFound) {
				err = nil // history without its text
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Lookup returns the message that an index has under a key.
func (s *Store) Lookup(_ context.Context, index, key string) (id message.ID, err error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	if index != store.IndexAlias {
		return 0, store.ErrNotFound
	}
	err = s.get(aliasKey(key), func(v []byte) error {
		if len(v) != 8 {
			return message.ErrRecord
		}
		id = message.ID(binary.BigEndian.Uint64(v))
		return nil
	})
	return id, err
}

// Highest returns the highest id of a shard that is known.
func (s *Store) Highest(_ context.Context, shard int) (message.ID, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	return s.last(shard)
}

// Load calls fn with every live message of a shard, without its content.
func (s *Store) Load(ctx context.Context, shard int, fn func(*message.Message) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	from, to := shardBounds(keyLive, shard)
	return s.each(ctx, from, to, func(_, v []byte) error {
		m, err := message.ParseFacts(v)
		if err != nil {
			return err
		}
		return fn(m)
	})
}

// each calls fn with the keys from from to before to, and their values, which it
// must not keep.
func (s *Store) each(ctx context.Context, from, to []byte, fn func(k, v []byte) error) (err error) {
	it, err := s.db.NewIter(&engine.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() {
		if cerr := it.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("store: %w", cerr)
		}
	}()
	for ok := it.First(); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if err := fn(it.Key(), v); err != nil {
			return err
		}
	}
	return nil
}
