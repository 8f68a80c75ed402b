/** The plain page: the same views as in JupyterLab, over same-origin fetch. */
import '../style/web.css';
import '../style/base.css';

document.title = 'Nightbook';
