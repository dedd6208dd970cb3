package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	engine "github.com/cockroachdb/pebble/v2"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
)

// A request is what one caller wants committed.
type request struct {
	shard int
	epoch uint64
	ops   []store.Op
	raw   func(*engine.Batch) error // or this, of the store itself
	done  chan error
}

// The bounds of what is committed at once.
const (
	maxRequests = 4096
	maxBatch    = 8 << 20
)

// Commit carries out all operations or none. When it returns nil they are on the
// disk. The end of ctx does not end it, once it has begun.
func (s *Store) Commit(ctx context.Context, shard int, epoch uint64, ops []store.Op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.submit(&request{shard: shard, epoch: epoch, ops: ops, done: make(chan error, 1)})
}

func (s *Store) submit(r *request) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	if s.opt.ReadOnly {
		s.mu.Unlock()
		return errors.New("store: opened for reading only")
	}
	s.queue = append(s.queue, r)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return <-r.done
}

// commits is the goroutine that commits. When the store is closed it carries out
// what waits.
func (s *Store) commits() {
	var group []*request
	for open := true; open; {
		select {
		case <-s.wake:
		case <-s.stop:
			open = false
		}
		for {
			s.mu.Lock()
			n := min(len(s.queue), maxRequests)
			group = append(group[:0], s.queue[:n]...)
			s.queue = append(s.queue[:0], s.queue[n:]...)
			s.mu.Unlock()
			if n == 0 {
				break
			}
			s.commit(group)
			clear(group)
		}
	}
}

// commit carries out a group of requests with one sync, or a few if they are
// large.
func (s *Store) commit(group []*request) {
	for len(group) > 0 {
		g := &batch{s: s, keeps: s.keeps.Load(), b: s.db.NewBatch(), changed: make(map[message.ID]change, len(group))}
		n := 0
		accepted := group[:0:0]
		for n < len(group) && g.b.Len() < maxBatch {
			r := group[n]
			n++
			if err := g.add(r); err != nil {
				r.done <- err
				continue
			}
			accepted = append(accepted, r)
		}
		group = group[n:]
		err := g.write()
		for _, r := range accepted {
			r.done <- err
		}
		_ = g.b.Close()
		s.slab.reset()
	}
}

// A batch is what goes to the disk at once, with the state of the messages that
// it changes.
type batch struct {
	s       *Store
	keeps   bool // the content of what ends
	b       *engine.Batch
	changed map[message.ID]change
	aliases map[string]message.ID // taken in this batch
	rec     []byte
}

// A change is a message as it will be. nil: there is no live one.
type change struct {
	m     *message.Message
	final bool // it is history
	own   bool // nobody else has m: it may be changed
	new   bool // it was accepted
}

// A slab is the memory of messages that are gone with their batch.
type slab struct {
	blocks [][]message.Message
	used   int
}

// The bounds of a slab: messages in a block, and blocks that are kept.
const (
	slabBlock = 256
	slabKept  = 32
)

func (s *slab) take() *message.Message {
	block, i := s.used/slabBlock, s.used%slabBlock
	if block == len(s.blocks) {
		s.blocks = append(s.blocks, make([]message.Message, slabBlock))
	}
	s.used++
	return &s.blocks[block][i]
}

func (s *slab) reset() {
	for i := range (s.used + slabBlock - 1) / slabBlock {
		clear(s.blocks[i])
	}
	if len(s.blocks) > slabKept {
		clear(s.blocks[slabKept:])
		s.blocks = s.blocks[:slabKept]
	}
	s.used = 0
}

// write sends the batch to the disk and waits until it is there.
func (g *batch) write() (err error) {
	s := g.s
	if err := s.Err(); err != nil {
		return err
	}
	if g.b.Empty() {
		return nil
	}
	s.groups.Add(1)
	s.ops.Add(uint64(g.b.Count()))
	defer func() {
		if v := recover(); v != nil { // the engine gives up like this when it cannot write its log
			s.fail(fmt.Errorf("%v", v))
			err = s.Err()
		}
	}()
	// Apply would end the process when the disk fails. Waiting apart returns the
	// error, and as nobody else commits, the engine is not asked again.
	if err = s.db.ApplyNoSyncWait(g.b, engine.Sync); err == nil {
		err = g.b.SyncWait()
	}
	if err != nil {
		s.fail(err)
		return s.Err()
	}
	return nil
}

// add takes a request into the batch, all of it or nothing.
func (g *batch) add(r *request) error {
	s := g.s
	if err := s.Err(); err != nil {
		return err
	}
	if r.raw != nil {
		return r.raw(g.b)
	}
	if err := g.fence(r.shard, r.epoch); err != nil {
		return err
	}
	if !s.room.Load() && onlyNew(r.ops) {
		return store.ErrFull
	}
	var only change // of the only operation, as a rule
	var next map[message.ID]*change
	var each []change // or of those that are all about different messages
	switch {
	case len(r.ops) > 1 && ascending(r.ops):
		each = make([]change, len(r.ops))
	case len(r.ops) > 1:
		next = make(map[message.ID]*change, len(r.ops))
	}
	var aliases map[string]message.ID
	for i := range r.ops {
		op := &r.ops[i]
		id := about(op)
		c := next[id]
		if c == nil {
			old, err := g.look(id, op)
			if err != nil {
				return err
			}
			switch {
			case each != nil:
				c = &each[i]
			case next == nil:
				c = &only
			default:
				c = new(change)
				next[id] = c
			}
			*c = old
		}
		if err := g.step(op, c); err != nil {
			return err
		}
		if op.Kind == store.Accept && op.Message.Indexed() != "" {
			if err := g.claim(op.Message.Alias, id, &aliases); err != nil {
				return err
			}
		}
	}
	for a, id := range aliases {
		if g.aliases == nil {
			g.aliases = make(map[string]message.ID)
		}
		g.aliases[a] = id
		if err := g.b.Set(aliasKey(a), binary.BigEndian.AppendUint64(nil, uint64(id)), nil); err != nil {
			return err
		}
	}
	if next == nil && len(r.ops) == 1 {
		return g.keep(about(&r.ops[0]), only)
	}
	for i := range each {
		if err := g.keep(about(&r.ops[i]), each[i]); err != nil {
			return err
		}
	}
	for id, c := range next {
		if err := g.keep(id, *c); err != nil {
			return err
		}
	}
	return nil
}

// about returns the id of the message that an operation is about.
func about(op *store.Op) message.ID {
	if op.Message != nil {
		return op.Message.ID
	}
	return op.ID
}

// ascending reports whether no two operations are about the same message, as can
// be seen at a glance.
func ascending(ops []store.Op) bool {
	for i := 1; i < len(ops); i++ {
		if about(&ops[i]) <= about(&ops[i-1]) {
			return false
		}
	}
	return true
}

// keep writes what a message has become, and remembers it.
func (g *batch) keep(id message.ID, c change) error {
	if err := g.put(id, &c); err != nil {
		return err
	}
	if c.new {
		r, err := g.s.recentOf(id.Shard())
		if err != nil {
			return err
		}
		r.add(id)
	}
	c.own, c.new = false, false // from now on a request that fails must not change it
	g.changed[id] = c
	return nil
}

// fence refuses an epoch that is over, and notes a new one.
func (g *batch) fence(shard int, epoch uint64) error {
	s := g.s
	key := binary.BigEndian.AppendUint16([]byte{keyEpoch}, uint16(shard))
	seen, known := s.epochs[shard]
	if !known {
		err := s.get(key, func(v []byte) error {
			seen, _ = binary.Uvarint(v)
			return nil
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		s.epochs[shard] = seen
	}
	switch {
	case epoch < seen:
		return store.ErrFenced
	case epoch > seen:
		s.epochs[shard] = epoch
		return g.b.Set(key, binary.AppendUvarint(nil, epoch), nil)
	}
	return nil
}

// onlyNew reports whether operations accept what somebody submits, and do nothing
// else.
func onlyNew(ops []store.Op) bool {
	for i := range ops {
		if ops[i].Kind != store.Accept {
			return false
		}
		if k := ops[i].Message.Kind; k != message.Normal && k != message.Broadcast {
			return false
		}
	}
	return len(ops) > 0
}

// look returns what there is of a message.
func (g *batch) look(id message.ID, op *store.Op) (change, error) {
	if c, ok := g.changed[id]; ok {
		return c, nil
	}
	s, kind := g.s, op.Kind
	if op.Known != nil && (kind == store.Final || kind == store.Remove) {
		m := s.slab.take()
		*m = *op.Known
		return change{m: m, own: true}, nil
	}
	if kind == store.Accept {
		r, err := s.recentOf(id.Shard())
		if err != nil || r.fresh(id) {
			return change{}, err
		}
	}
	var c change
	err := s.get(idKey(keyLive, id), func(v []byte) (err error) {
		c.own = true
		if kind == store.Remove || kind == store.Final && !g.keeps {
			c.m = s.slab.take() // nothing of its content is written again
			_, err = c.m.SetFacts(v)
			return err
		}
		c.m, err = message.ParseRecord(v)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = s.get(idKey(keyHistory, id), func([]byte) error { c.final = true; return nil })
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return c, err
	}
	return c, nil
}

// recentOf returns what is known of the ids of a shard.
func (s *Store) recentOf(shard int) (*recent, error) {
	r := s.recent[shard]
	if r == nil {
		high, err := s.last(shard)
		if err != nil {
			return nil, err
		}
		r = &recent{high: high, floor: high}
		s.recent[shard] = r
	}
	return r, nil
}

// last returns the highest id of a shard in the database.
func (s *Store) last(shard int) (high message.ID, err error) {
	for _, space := range []byte{keyLive, keyHistory} {
		from, to := shardBounds(space, shard)
		it, err := s.db.NewIter(&engine.IterOptions{LowerBound: from, UpperBound: to})
		if err != nil {
			return 0, fmt.Errorf("store: %w", err)
		}
		if it.Last() && len(it.Key()) == 9 {
			high = max(high, message.ID(binary.BigEndian.Uint64(it.Key()[1:])))
		}
		if err := it.Close(); err != nil {
			return 0, fmt.Errorf("store: %w", err)
		}
	}
	return high, nil
}

func (g *batch) claim(alias string, id message.ID, mine *map[string]message.ID) error {
	if _, taken := g.aliases[alias]; taken {
		return store.ErrExists
	}
	if _, taken := (*mine)[alias]; taken {
		return store.ErrExists
	}
	err := g.s.get(aliasKey(alias), func([]byte) error { return nil })
	if err == nil {
		return store.ErrExists
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if *mine == nil {
		*mine = make(map[string]message.ID)
	}
	(*mine)[alias] = id
	return nil
}

// step carries out one operation on what a message is.
func (g *batch) step(op *store.Op, c *change) error {
	if op.Kind == store.Accept {
		if c.m != nil || c.final {
			return store.ErrExists
		}
		c.m, c.new = op.Message, true
		return nil
	}
	if c.m == nil || c.final {
		return store.ErrNotFound
	}
	if !c.own {
		copied := *c.m
		c.m, c.own = &copied, true
	}
	m := c.m
	switch op.Kind {
	case store.Replace:
		*m = *op.Message
	case store.Release:
		m.State = pdu.StateEnroute
	case store.Attempt:
		m.Attempts, m.Next, m.Error, m.Sent = op.Attempts, op.Next, op.Error, false
		if m.State == pdu.StateUnknown {
			m.State = pdu.StateEnroute
		}
	case store.Begin:
		m.Sent = true
	case store.Lose:
		m.State = pdu.StateUnknown
	case store.Final:
		m.State, m.Final, m.Error, m.Next, m.Sent = op.State, op.At, op.Error, time.Time{}, false
		c.final = true
	case store.Remove:
		c.m = nil
		if m.Indexed() != "" {
			delete(g.aliases, m.Alias)
			return g.b.Delete(aliasKey(m.Alias), nil)
		}
		return nil
	default:
		return fmt.Errorf("store: %v is no operation", op.Kind)
	}
	return nil
}

// put writes what a message has become.
func (g *batch) put(id message.ID, c *change) error {
	switch {
	case c.m == nil:
		return g.b.Delete(idKey(keyLive, id), nil)
	case !c.final:
		g.rec = message.AppendRecord(g.rec[:0], c.m)
		return g.b.Set(idKey(keyLive, id), g.rec, nil)
	}
	g.rec = message.AppendFacts(g.rec[:0], c.m)
	if err := g.b.Set(idKey(keyHistory, id), g.rec, nil); err != nil {
		return err
	}
	if g.keeps {
		g.rec = message.AppendContent(g.rec[:0], c.m)
		if err := g.b.Set(idKey(keyText, id), g.rec, nil); err != nil {
			return err
		}
	}
	if err := g.b.Set(endKey(c.m.Final, id), nil, nil); err != nil {
		return err
	}
	return g.b.Delete(idKey(keyLive, id), nil)
}

// pruned is how many messages are forgotten at once.
const pruned = 1000

// Prune forgets the messages that became final before a time.
func (s *Store) Prune(ctx context.Context, before time.Time) (int, error) {
	return s.prune(ctx, []byte{keyEnd}, before, func(b *engine.Batch, end []byte, id message.ID) error {
		var alias string
		err := s.get(idKey(keyHistory, id), func(v []byte) error {
			m, err := message.ParseFacts(v)
			if err == nil {
				alias = m.Indexed()
			}
			return err
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if alias != "" {
			if err := b.Delete(aliasKey(alias), nil); err != nil {
				return err
			}
		}
		for _, key := range [][]byte{idKey(keyHistory, id), idKey(keyText, id), end} {
			if err := b.Delete(key, nil); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

// PruneText forgets the texts and TLVs of messages that became final before a
// time.
func (s *Store) PruneText(ctx context.Context, before time.Time) (int, error) {
	from, keeps := []byte{keyEnd}, s.keeps.Load()
	if err := s.enter(); err != nil {
		return 0, err
	}
	err := s.get(metaText, func(v []byte) error { from = append([]byte(nil), v...); return nil })
	s.leave()
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return 0, err
	case err != nil && !keeps && !s.kept.Load():
		return 0, nil // there never was a text
	}
	n, err := s.prune(ctx, from, before, func(b *engine.Batch, _ []byte, id message.ID) error {
		return b.Delete(idKey(keyText, id), nil)
	}, func(b *engine.Batch, next []byte) error { return b.Set(metaText, next, nil) })
	if err != nil || keeps {
		return n, err
	}
	// All of them are gone, or soon will be with their messages: nothing is left to
	// look for.
	err = s.submit(&request{done: make(chan error, 1), raw: func(b *engine.Batch) error { return b.Delete(metaText, nil) }})
	if err == nil && !s.keeps.Load() {
		s.kept.Store(false)
	}
	return n, err
}

// prune calls forget with the messages that ended before a time, from a key of
// keyEnd on, and then finish, if not nil, with the key to go on from. It does so
// in pieces, so that commits need not wait.
func (s *Store) prune(ctx context.Context, from []byte, before time.Time, forget func(*engine.Batch, []byte, message.ID) error, finish func(*engine.Batch, []byte) error) (n int, err error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	to := endKey(before, 0)
	for {
		var ends [][]byte
		full := errors.New("enough")
		err := s.each(ctx, from, to, func(k, _ []byte) error {
			if len(ends) == pruned {
				return full
			}
			ends = append(ends, append([]byte(nil), k...))
			return nil
		})
		if err != nil && !errors.Is(err, full) {
			return n, err
		}
		if len(ends) == 0 {
			return n, nil
		}
		next := append(ends[len(ends)-1], 0)
		werr := s.submit(&request{done: make(chan error, 1), raw: func(b *engine.Batch) error {
			for _, end := range ends {
				if err := forget(b, end, message.ID(binary.BigEndian.Uint64(end[9:]))); err != nil {
					return err
				}
			}
			if finish != nil {
				return finish(b, next)
			}
			return nil
		}})
		if werr != nil {
			return n, werr
		}
		n += len(ends)
		if err == nil {
			return n, nil
		}
		from = next
	}
}
