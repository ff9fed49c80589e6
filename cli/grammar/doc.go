// Package grammar is the command language of IOS: one declaration of a command
// gives its parser, unique-prefix abbreviation, `?`, Tab, the caret of an
// error, `no` and `default`, and the text of `show running-config` (un-parse).
//
// A Mode holds Commands; a Command has a Syntax, made of Nodes, and either a
// Binding (a configuration line) or a Run (an exec command). Matching steps
// through the tokens of a line once, left to right, without backtracking; at
// each token the best rank wins:
//
//	exact keyword > unique keyword prefix > typed value > WORD > LINE
//
// The package knows no networking and no particular configuration tree.
package grammar
