// Package explode makes rows of the elements of arrays and maps: the stage of a dataflow behind EXPLODE, LATERAL
// VIEW and their like, the same for streams and for bounded inputs.
//
//	rows of a batch    a  [x y]        a x     chunk: columns that are read further on,
//	with an array      b  []      →    a y            then what the elements are made of;
//	                   c  [z]          c z            From says which row each is made of: 0 0 2
//
// Rows come in the order of the input's rows, and of a row's elements, so that they are the same whenever they are
// made again. They come in chunks that are bounded in rows and bytes, also where one row has very many elements.
package explode
