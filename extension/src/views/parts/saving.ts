/** Gives bytes to the browser as a file to save. */
export function saveFile({ bytes, name }: { bytes: Blob; name: string }): void {
  const address = URL.createObjectURL(bytes);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The browser has begun to read by the next turn.
  setTimeout(() => URL.revokeObjectURL(address));
}
