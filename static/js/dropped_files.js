// Files that were dropped on a page, with those inside folders.

// Returns a promise of two lists: the files, and the names of what could not be read. The browser forgets the folders once the
// event is over, so all are looked at now.
export async function droppedFiles(transfer) {
  const unread = [];
  const files = [...transfer.items].filter((item) => item.kind === "file").map((item) => {
    const entry = item.webkitGetAsEntry();
    return entry ? filesIn(entry, unread) : [item.getAsFile()];
  });
  return { files: (await Promise.all(files)).flat().filter(Boolean), unread };
}

async function filesIn(entry, unread) {
  // The desktop's own files, such as .DS_Store, are no spectra.
  if (entry.name.startsWith(".")) return [];
  try {
    if (entry.isFile) return [await new Promise((done, failed) => { entry.file(done, failed); })];
    const inside = await entriesOf(entry.createReader());
    return (await Promise.all(inside.map((one) => filesIn(one, unread)))).flat();
  } catch {
    unread.push(entry.name);
    return [];
  }
}

async function entriesOf(reader) {
  const inside = [];
  // A folder is told in pieces.
  for (;;) {
    const piece = await new Promise((done, failed) => { reader.readEntries(done, failed); });
    if (!piece.length) return inside;
    inside.push(...piece);
  }
}
