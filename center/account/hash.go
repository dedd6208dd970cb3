package account

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost is what it takes to make or check a password hash. The zero value is 19
// MiB, two passes and one thread, which takes about 20 ms.
type Cost struct {
	Memory uint32 // KiB, 8 to 1 GiB
	Time   uint32 // passes, at most 100
	Lanes  uint8  // threads, at most 16
}

func (c Cost) orDefault() Cost {
	if c.Memory == 0 {
		c.Memory = 19 << 10
	}
	if c.Time == 0 {
		c.Time = 2
	}
	if c.Lanes == 0 {
		c.Lanes = 1
	}
	return c
}

// check bounds what a configuration can make every bind cost.
func (c Cost) check() error {
	switch {
	case c.Lanes < 1 || c.Lanes > 16:
		return fmt.Errorf("%d threads; 1 to 16 are allowed", c.Lanes)
	case c.Memory < 8*uint32(c.Lanes) || c.Memory > 1<<20:
		return fmt.Errorf("%d KiB of memory; 8 for each thread to 1048576 are allowed", c.Memory)
	case c.Time < 1 || c.Time > 100:
		return fmt.Errorf("%d passes; 1 to 100 are allowed", c.Time)
	}
	return nil
}

const saltSize, keySize = 16, 32

// HashPassword returns the argon2id hash of a password with a salt of its own,
// in the usual form: $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH.
func HashPassword(password string, c Cost) (string, error) {
	c = c.orDefault()
	if err := c.check(); err != nil {
		return "", fmt.Errorf("password hash: %w", err)
	}
	if len(password) > maxPassword {
		return "", fmt.Errorf("a password of %d octets; at most %d are allowed", len(password), maxPassword)
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, c.Time, c.Memory, c.Lanes, keySize)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Time, c.Lanes, b64(salt), b64(key)), nil
}

// A hash is a password hash that was read.
type hash struct {
	cost      Cost
	salt, key []byte
}

var errHash = errors.New(`password hash: $argon2id$v=19$m=...,t=...,p=...$SALT$HASH is required, as "smpp passwd" prints it`)

func parseHash(s string) (*hash, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return nil, errHash
	}
	h := new(hash)
	for i, setting := range strings.Split(parts[3], ",") {
		names := [...]string{"m=", "t=", "p="}
		if i >= len(names) || !strings.HasPrefix(setting, names[i]) {
			return nil, errHash
		}
		n, err := strconv.ParseUint(setting[2:], 10, 32)
		if err != nil {
			return nil, errHash
		}
		switch i {
		case 0:
			h.cost.Memory = uint32(n)
		case 1:
			h.cost.Time = uint32(n)
		case 2:
			h.cost.Lanes = uint8(min(n, 255))
		}
	}
	if err := h.cost.check(); err != nil {
		return nil, fmt.Errorf("password hash: %w", err)
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.key) < 16 || len(h.key) > 64 {
		return nil, errHash
	}
	return h, nil
}

// is reports whether the hash is of a password. It takes its time.
func (h *hash) is(password string) bool {
	key := argon2.IDKey([]byte(password), h.salt, h.cost.Time, h.cost.Memory, h.cost.Lanes, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}
