// Stands for style sheets and pictures, which tests do not load.
export default '';
