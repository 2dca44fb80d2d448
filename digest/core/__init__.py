"""The rules of a digest. Nothing in this folder does input or output: values come in, values go out."""
