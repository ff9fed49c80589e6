package grammar

// A DataTerminal is a Terminal whose user may want the data behind a show
// command rather than its text: `| json`.
type DataTerminal interface {
	Terminal
	// Data takes the snapshot that the text would be made from; false when the
	// text is wanted.
	Data(v any) (taken bool, err error)
}

// Offer hands data to a terminal that wants it. When it is not taken, the
// command goes on to print its text; nil is never taken.
func Offer(t Terminal, data any) (taken bool, err error) {
	if d, ok := t.(DataTerminal); ok && data != nil {
		return d.Data(data)
	}
	return false, nil
}
