package cli

// Session is one user at one line.
type Session struct{}
