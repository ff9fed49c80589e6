package grammar

import "context"

// A KeyTerminal is a Terminal that can be joined to another host.
type KeyTerminal interface {
	Terminal
	// Keys waits for what is typed next and gives it as octets: a key, or a
	// line with its CR where the source has only lines. io.EOF says that the
	// user wants no more (Ctrl-^ x), or that the source has ended.
	Keys(ctx context.Context) (string, error)
}
