package center

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/front"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/sms"
)

// settings are what a Config says that can change while a center runs, checked
// and ready for use.
type settings struct {
	accounts         []account.Account
	handset          handset.Profile
	front            front.Settings
	dispatch         dispatch.Settings
	linger           time.Duration
	limits           smpp.Limits
	timers           smpp.Timers
	retention, texts time.Duration
	receipt          func(*message.Message, message.Kind, time.Time) *message.Message
	alert            func(*message.Message, time.Time) *message.Message
}

func (cfg Config) settings() (*settings, error) {
	s := &settings{
		accounts: slices.Clone(cfg.Accounts), handset: cfg.Handset, linger: cfg.Linger, limits: cfg.Limits,
		timers:    smpp.Timers{ResponseTimeout: cfg.ResponseTimeout, EnquireLink: cfg.EnquireLink, Inactivity: cfg.Inactivity},
		dispatch:  dispatch.Settings{Retry: slices.Clone(cfg.Retry), MaxWaiting: cfg.MaxWaiting, MaxPerAccount: cfg.MaxPerAccount},
		retention: cfg.Retention, texts: cfg.TextRetention,
		front: front.Settings{
			Window: cfg.Window, DeliverWindow: cfg.DeliverWindow, Validity: cfg.Validity, MaxValidity: cfg.MaxValidity, Transaction: cfg.Transaction,
			Lists: cfg.Lists, ServiceTypes: cfg.ServiceTypes, Areas: cfg.Areas, WrongSystemID: cfg.WrongSystemID, WrongPassword: cfg.WrongPassword,
		},
	}
	if len(s.accounts) == 0 {
		s.accounts = []account.Account{account.Default()}
	}
	if s.retention <= 0 {
		s.retention = DefaultRetention
	}
	if cfg.ReceiptValidity <= 0 {
		cfg.ReceiptValidity = front.DefaultValidity
	}
	if _, inMemory := store.Base(cfg.Store).(*memory.Store); s.dispatch.MaxWaiting <= 0 && inMemory {
		s.dispatch.MaxWaiting = maxInMemory
	}
	var err error
	if s.front.Texts, err = front.ParseTexts(cfg.DefaultTexts, sms.Profile{}); err != nil {
		return nil, fmt.Errorf("center: %w", err)
	}
	if err := account.CheckLists(cfg.Lists); err != nil {
		return nil, fmt.Errorf("center: %w", err)
	}
	if err := cfg.Handset.Check(); err != nil {
		return nil, fmt.Errorf("center: handset: %w", err)
	}
	if _, err := account.NewBook(s.accounts...); err != nil {
		return nil, fmt.Errorf("center: %w", err)
	}
	s.receipt = front.Receipts(cfg.Handset.Receipts(sms.Profile{Zone: cfg.Zone}), cfg.ReceiptValidity, cfg.Logger)
	s.alert = front.Alerts(cfg.ReceiptValidity)
	return s, nil
}

// Reconfigure puts another Config in the place of the one that holds, while all
// sessions live but those of accounts that are gone. SystemID, Store, TLS,
// Observe, Trace and Logger stay as they are, and MaxHistory is of no effect with
// a Store. The rest counts
// from then on: accounts as with SetAccounts; windows, timers and Linger for
// sessions that bind from then on, limits for what else comes; validities,
// texts, lists, areas and the handset for messages that are submitted; the form,
// the zone and the validity of receipts for those that are made; Retry for
// attempts that fail. On an error, which names the setting at fault, nothing is
// changed.
func (c *Center) Reconfigure(cfg Config) error {
	cfg.Store, cfg.Logger = c.store, c.log
	s, err := cfg.settings()
	if err != nil {
		return err
	}
	c.changing.Lock()
	defer c.changing.Unlock()
	select {
	case <-c.stop:
		return ErrClosed
	default:
	}
	// All of it was checked: neither of the two fails any more.
	before := addresses(c.book)
	if err := c.book.Replace(s.accounts...); err != nil {
		return fmt.Errorf("center: %w", err)
	}
	if !reflect.DeepEqual(s.handset, c.now.Load().handset) { // or it would begin anew
		if err := c.handset.Set(s.handset); err != nil {
			return fmt.Errorf("center: %w", err)
		}
	}
	c.now.Store(s)
	c.front.Set(s.front)
	c.dispatcher.Set(s.dispatch)
	c.table.SetLinger(s.linger)
	c.server.SetLimits(s.limits)
	c.server.SetTimers(s.timers)
	if m, ok := c.store.(*memory.Store); ok && c.ownStore {
		m.SetHistory(cfg.MaxHistory)
	}
	select {
	case c.replan <- struct{}{}:
	default:
	}
	c.admit(before)
	return nil
}

// SetAccounts puts other accounts in the place of those that may bind. The
// sessions of accounts that are gone are ended, all others go on: what an
// account says of binds, rates and windows is for those that bind from now on,
// the rest is for the next message. On an error nothing is changed.
func (c *Center) SetAccounts(accounts ...account.Account) error {
	if len(accounts) == 0 {
		return errors.New("center: no accounts: nobody could bind")
	}
	c.changing.Lock()
	defer c.changing.Unlock()
	select {
	case <-c.stop:
		return ErrClosed
	default:
	}
	before := addresses(c.book)
	if err := c.book.Replace(accounts...); err != nil {
		return fmt.Errorf("center: %w", err)
	}
	c.admit(before)
	return nil
}

// addresses returns what the accounts of a book receive for.
func addresses(b *account.Book) map[string][]string {
	all := make(map[string][]string)
	for _, a := range b.All() {
		if len(a.Addresses) > 0 {
			all[a.ID] = a.Addresses
		}
	}
	return all
}

// admit has the accounts that are in the book now take effect.
func (c *Center) admit(before map[string][]string) {
	if !reflect.DeepEqual(before, addresses(c.book)) { // what waits would be routed anew, and tried again, for nothing
		c.table.Own(owned(c.book))
	}
	for _, a := range c.book.All() {
		c.table.Poke(a.ID) // it may be to be asked to bind
	}
	for _, s := range c.server.Sessions() {
		if id, _, ok := front.Binding(s); ok && c.book.Get(id) == nil {
			c.log.Info("a session is ended: its account is gone", "account", id, "remote", s.RemoteAddr().String())
			c.stopped.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
				defer cancel()
				_ = s.Shutdown(ctx)
			})
		}
	}
}

// endTimeout is how long a session that is ended has for what it has begun.
const endTimeout = 5 * time.Second

// prune forgets what is long over.
func (c *Center) prune() {
	for {
		s := c.now.Load()
		often := s.retention
		if s.texts > 0 {
			often = min(often, s.texts)
		}
		timer := time.NewTimer(min(max(often/10, time.Second), 10*time.Minute))
		select {
		case <-c.stop:
			timer.Stop()
			return
		case <-c.replan:
			timer.Stop()
			s = c.now.Load()
		case <-timer.C:
		}
		now := time.Now()
		if _, err := c.store.Prune(context.Background(), now.Add(-s.retention)); err != nil {
			c.log.Error("old messages cannot be forgotten", "error", err)
		}
		if _, err := c.store.PruneText(context.Background(), now.Add(-s.texts)); err != nil {
			c.log.Error("old texts cannot be forgotten", "error", err)
		}
	}
}
