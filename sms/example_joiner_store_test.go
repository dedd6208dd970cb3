package sms_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// A cache stands for what several processes share: a table of a database, say,
// where Swap is an UPDATE that names the old value.
type cache struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (c *cache) Load(_ context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.values[key], nil
}

func (c *cache) Swap(_ context.Context, key string, old, new []byte, _ time.Time) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if was, there := c.values[key]; there != (old != nil) || !bytes.Equal(was, old) {
		return false, nil
	}
	if new == nil {
		delete(c.values, key)
	} else {
		c.values[key] = new
	}
	return true, nil
}

// Expired returns nothing: a cache drops by itself what is old.
func (c *cache) Expired(context.Context, time.Time) ([]string, error) { return nil, nil }

func ExampleJoinerStore() {
	// Two machines that are delivered to, by whichever bind the message center
	// chooses, join the parts that come to either.
	shared := &cache{values: make(map[string][]byte)}
	one, other := sms.Joiner{Store: shared}, sms.Joiner{Store: shared}
	ctx, now := context.Background(), time.Now()
	whole, err := one.Add(ctx, now, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x05\x00\x03\x07\x02\x01Hello, ")})
	fmt.Println(whole == nil, err)
	whole, err = other.Add(ctx, now, &pdu.DeliverSM{ESMClass: pdu.UDHI, ShortMessage: []byte("\x05\x00\x03\x07\x02\x02world")})
	fmt.Println(whole.Text, err)
	// Output:
	// true <nil>
	// Hello, world <nil>
}
