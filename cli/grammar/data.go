package grammar

// A DataTerminal is a Terminal whose user may want the data behind a show
// command rather than its text: `| json`.
type DataTerminal interface {
	Terminal
	// Data takes the snapshot that the text would be made from; false when the
	// text is wanted.
	Data(v any) (taken bool, err error)
}

// WantsData tells whether data would be taken, so that a command whose data is
// costly to make need not make it for a screen.
func WantsData(t Terminal) bool {
	if w, ok := t.(interface{ WantsData() bool }); ok {
		return w.WantsData()
	}
	_, ok := t.(DataTerminal)
	return ok
}

// Offer hands data to a terminal that wants it. When it is not taken, the
// command goes on to print its text; nil is never taken.
func Offer(t Terminal, data any) (taken bool, err error) {
	if d, ok := t.(DataTerminal); ok && data != nil {
		return d.Data(data)
	}
	return false, nil
}
