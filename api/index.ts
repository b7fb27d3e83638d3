// All that a policy may import: units, step constructors, the Policy type.

export * from './units.ts';
export * from './steps.ts';
export * from './policy.ts';
export * from './gmem.ts';
export * from './pages.ts';
export * from './access.ts';
export * from './dmabuf.ts';
