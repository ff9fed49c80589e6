// Package coterie holds the tests of the whole tree: which room may import
// which, and that every file is formatted.
package coterie
