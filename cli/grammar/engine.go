package grammar

// engine is the compiled form of a mode.
type engine struct{}
