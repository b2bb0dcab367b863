export interface Licence {
  name: string;
  version: string;
  licence: string;
  text: string;
}
export function folderOf(id: string): string | null;
export function licencesOf(ids: Iterable<string>, root: string): Licence[];
