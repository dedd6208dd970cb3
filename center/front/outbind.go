package front

import (
	"context"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/pdu"
)

// Pauses between attempts to have an ESME bind, when its account does not say.
const (
	DefaultOutbindBackoff    = 5 * time.Second
	DefaultOutbindMaxBackoff = 5 * time.Minute
)

// outbindTimeout is how long connecting and the bind may take.
const outbindTimeout = 30 * time.Second

// outbinds are the ESMEs that are being asked to bind.
type outbinds struct {
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	busy   map[string]bool // accounts that are asked, or were a moment ago
	failed map[string]int  // attempts since the last one that worked
}

func (o *outbinds) init() {
	o.ctx, o.cancel = context.WithCancel(context.Background())
	o.busy, o.failed = make(map[string]bool), make(map[string]int)
}

func (o *outbinds) close() {
	o.mu.Lock() // so that none begins while they are waited for
	o.cancel()
	o.mu.Unlock()
	o.done.Wait()
}

// Call asks the ESME of an account to bind, if the account has an outbind. It
// does not block: what comes of it is seen by the bind. When it is in vain, the
// table says after a pause if there still is something that waits. SMPP v5.0,
// section 2.2.1.
func (f *Front) Call(id string) {
	a := f.cfg.Accounts.Get(id)
	if a == nil || a.Delivery.Outbind.Address == "" || f.closing.Load() {
		return
	}
	o := &f.outbinds
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy[id] || o.ctx.Err() != nil {
		return
	}
	o.busy[id] = true
	o.done.Go(func() { f.outbind(id, a.Delivery.Outbind) })
}

// outbind has an ESME bind, and waits until it may be asked again.
func (f *Front) outbind(id string, to account.Outbind) {
	o := &f.outbinds
	log := f.log.With("account", id, "address", to.Address)
	name := to.SystemID
	if name == "" {
		name = f.cfg.SystemID
	}
	ctx, cancel := context.WithTimeout(o.ctx, outbindTimeout)
	s, err := f.server.Outbind(ctx, to.Address, &pdu.Outbind{SystemID: name, Password: to.Password})
	cancel()
	pause, most := to.Backoff, to.MaxBackoff
	if pause == 0 {
		pause = DefaultOutbindBackoff
	}
	if most == 0 {
		most = DefaultOutbindMaxBackoff
	}
	o.mu.Lock()
	if err == nil {
		o.failed[id] = 0
	} else {
		for range min(o.failed[id], 30) {
			pause = min(2*pause, max(most, pause))
		}
		o.failed[id]++
	}
	o.mu.Unlock()
	switch {
	case o.ctx.Err() != nil:
		return
	case err != nil:
		log.Warn("outbind in vain", "again_after", pause, "error", err)
	default:
		log.Info("bound after outbind")
		select {
		case <-s.Done():
		case <-o.ctx.Done():
			return
		}
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-o.ctx.Done():
		return
	}
	o.mu.Lock()
	delete(o.busy, id)
	o.mu.Unlock()
	f.cfg.Table.Poke(id)
}
