package center

import (
	"context"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
)

// claimPrefix is how the keys of notes about claims begin. The account, a NUL,
// the type of number and the address_range follow.
const claimPrefix = "claim/"

func claimKey(c route.Claim) string {
	a := c.Addresses.Address()
	return claimPrefix + c.Account + "\x00" + string([]byte{byte(a.TON)}) + a.Addr
}

// keep has the store know who claims addresses by an address_range, so that what
// waits for them does not go to others after a restart.
func (c *Center) keep(held, ended []route.Claim) {
	notebook, ok := store.Base(c.store).(store.Notebook)
	if !ok {
		return
	}
	notes := make([]store.Note, 0, len(held)+len(ended))
	for _, x := range held {
		notes = append(notes, store.Note{Key: claimKey(x), Value: "1"})
	}
	for _, x := range ended {
		notes = append(notes, store.Note{Key: claimKey(x)})
	}
	if err := notebook.Note(context.Background(), notes...); err != nil {
		c.log.Warn("who receives for what is not kept for a restart", "error", err)
	}
}

// claims returns what keep has had the store know of accounts that are still
// there, and has it forget the rest. With a negative linger that is all of it.
func (c *Center) claims(ctx context.Context, linger time.Duration) (claims []route.Claim, err error) {
	notebook, ok := store.Base(c.store).(store.Notebook)
	if !ok {
		return nil, nil
	}
	notes, err := notebook.Notes(ctx, claimPrefix)
	if err != nil {
		return nil, err
	}
	var over []store.Note
	for _, n := range notes {
		id, text, _ := strings.Cut(strings.TrimPrefix(n.Key, claimPrefix), "\x00")
		if text != "" && linger >= 0 && c.book.Get(id) != nil {
			if p, err := route.ParsePattern(pdu.Address{TON: pdu.TON(text[0]), Addr: text[1:]}); err == nil {
				claims = append(claims, route.Claim{Account: id, Addresses: p})
				continue
			}
		}
		over = append(over, store.Note{Key: n.Key})
	}
	if len(over) > 0 {
		err = notebook.Note(ctx, over...)
	}
	return claims, err
}
